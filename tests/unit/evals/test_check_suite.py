"""The check must find what is wrong; here is a suite that can be broken in every way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lean_agent import RunResult, Tool, ToolError, tool
from lean_agent_evals.check import check_suite
from lean_agent_evals.scoring import exact_score
from lean_agent_evals.suite import Solution
from lean_agent_evals.task import Score, Split, Task


@tool(max_output_chars=30)
def look(where: str) -> str:
    """Look somewhere.

    Args:
        where: A place.
    """
    if where == "nowhere":
        raise ToolError("there is no such place")
    return f"In {where} there is a golden key, far behind."


@dataclass
class Attempt:
    task: Task
    tools: Sequence[Tool] = (look,)
    roots: Sequence[Path] = ()
    instructions: str = ""

    def score(self, result: RunResult) -> Score:
        return exact_score(result.output, self.task.answers)


def _tasks(split: Split) -> list[Task]:
    named = [f"{split}-{n}" for n in range(4)]
    return [
        Task(id=n, question=f"What is in {n}?", answers=("key",), needs_tools=True) for n in named
    ]


@dataclass
class Boxes:
    """Two tasks a split, each valid; a test replaces what it wants to break."""

    name: str = "boxes"
    made: Callable[[Split], list[Task]] = _tasks
    solved: Callable[[Task], Solution] = lambda task: Solution(
        calls=(("look", {"where": task.id}),), answer="key"
    )
    best_score: float = 1.0
    opened: list[str] = field(default_factory=list[str])
    attempt: Callable[[Task], Attempt] = Attempt

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        return self.made(split)[:count]

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        self.opened.append(task.id)
        yield self.attempt(task)
        self.opened.remove(task.id)

    def solution(self, task: Task) -> Solution:
        return self.solved(task)

    def best(self, task: Task) -> float:
        return self.best_score


async def problems(suite: Boxes) -> list[str]:
    found = await check_suite(suite, count=2)
    assert suite.opened == []
    return found


async def test_a_valid_suite_has_no_problems() -> None:
    assert await problems(Boxes()) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("lock", "dev-0: the solution scores 0, not 1 (gold: key; given: lock)"),
        ("", "dev-0: the solution scores 0, not 1 (gold: key; given: (nothing))"),
    ],
)
async def test_a_wrong_solution(answer: str, said: str) -> None:
    calls = (("look", {"where": "x"}),)
    found = await problems(Boxes(solved=lambda _task: Solution(calls=calls, answer=answer)))
    assert said in found
    assert len(found) == 4


async def test_an_oracle_that_does_worse_is_taken_at_its_word() -> None:
    suite = Boxes(best_score=0.5)
    assert "dev-1: the solution scores 1, not 0.5 ()" in await problems(suite)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entities": ("silver key",)}, "shows 'silver key'"),
        ({"data": {"evidence": ["a silver lock"]}}, "shows 'a silver lock'"),
        ({"entities": ("far behind",)}, "shows 'far behind'"),  # is cut off before the model
        ({"needs_tools": False}, "needs_tools is False, its solution makes 1 calls"),
        ({"answers": ("",)}, "an empty answer does not score 0"),
    ],
)
async def test_a_task_that_asks_too_much_or_too_little(change: dict[str, Any], said: str) -> None:
    suite = Boxes(made=lambda split: [replace(t, **change) for t in _tasks(split)])
    found = await problems(suite)
    assert any(problem.startswith("dev-0: ") and said in problem for problem in found)
    assert any(problem.startswith("test-1: ") and said in problem for problem in found)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            ("open", {"where": "x"}),
            "call 1 of the solution wants a tool 'open', which is not there",
        ),
        (
            ("look", {"where": "nowhere"}),
            "call 1 of the solution, look, fails: there is no such place",
        ),
        (("look", {"place": "x"}), "call 1 of the solution, look, fails:"),
    ],
)
async def test_a_call_that_cannot_be_made(call: tuple[str, dict[str, str]], said: str) -> None:
    found = await problems(Boxes(solved=lambda _task: Solution(calls=(call,), answer="key")))
    assert len(found) == 4
    assert found[0].startswith(f"dev-0: {said}")


async def test_a_task_that_needs_tools_and_is_solved_without() -> None:
    found = await problems(Boxes(solved=lambda _task: Solution(answer="key")))
    assert "test-0: needs_tools is True, its solution makes 0 calls" in found


async def test_ids_and_questions_that_come_twice() -> None:
    def twice(split: Split) -> list[Task]:
        one, other, *_ = _tasks(split)
        return [one, replace(other, id=one.id), replace(one, id=other.id)]

    found = await check_suite(Boxes(made=twice))
    assert "dev, seed 0: 2 tasks have the id dev-0" in found
    assert "test, seed 0: 2 tasks have the question What is in test-0?" in found


async def test_a_question_that_both_splits_ask_at_any_seeds() -> None:
    @dataclass
    class Shifted(Boxes):
        def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
            first = seed + 3 * (split == "test")
            made = [
                Task(id=f"{split}-{n}", question=f"{n}?", answers=("key",))
                for n in (first, first + 1)
            ]
            return made[:count]

    assert await check_suite(Shifted(), seeds=[0]) == []
    assert await check_suite(Shifted(), seeds=[0, 2]) == ["dev-3 and test-3 ask the same: 3?"]


async def test_tasks_that_change_when_asked_for_again() -> None:
    asked: list[int] = []

    def other(split: Split) -> list[Task]:
        asked.append(1)
        return [replace(task, id=f"{task.id}-{len(asked)}") for task in _tasks(split)]

    assert "dev, seed 0: asked for again, the tasks are others" in await problems(Boxes(made=other))


async def test_tasks_that_are_others_when_fewer_are_asked_for() -> None:
    @dataclass
    class Backwards(Boxes):
        def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
            return _tasks(split)[:count][::-1]

    assert "dev, seed 0: the first 2 tasks are others when alone" in await check_suite(Backwards())
