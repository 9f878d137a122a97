"""What is wrong with a suite of one's own is told in a line, before it spoils what was paid for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.counting_suite import Counting, CountingModel, Visit
from support.eval_runs import Silent, config, timeless

from lean_agent import ConfigurationError, RunResult
from lean_agent_evals.arms import arm_named
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder
from lean_agent_evals.runner import RunEnd, evaluate
from lean_agent_evals.suite import Suite
from lean_agent_evals.task import Score, Split, Task


async def run(folder: Path, suite: Suite) -> RunEnd:
    return await evaluate(
        config(concurrency=1),
        ResultsFolder(folder),
        suite=suite,
        model=CountingModel(),
        arms=[arm_named("agent")],
        observer=Silent(),
    )


class Judging(Counting):
    """Scores the third task by a function of its own."""

    def __init__(self, judge: Callable[[], Any]) -> None:
        super().__init__(3)
        self._judge = judge

    @contextmanager
    def open(self, task: Task) -> Generator[Visit]:
        yield self._visit(task)

    def _visit(self, task: Task) -> Visit:
        judge = self._judge

        class Judged(Visit):
            def score(self, result: RunResult) -> Score:
                return judge() if task.id.endswith("2") else super().score(result)

        return Judged(task.data["goal"])


def broken() -> Score:
    raise KeyError("gold")


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        (broken, "cannot score dev-0-0002: KeyError: 'gold'"),
        (lambda: Score(value=7.5, passed=True), "value is 7.5, not a number from 0 to 1"),
        (lambda: Score(value=float("nan"), passed=True), "value is nan"),
        (lambda: Score(value=1.0, passed=1), "passed is 1, neither True nor False"),  # pyright: ignore[reportArgumentType]
    ],
)
async def test_a_scorer_that_fails_ends_the_run_and_it_goes_on_once_mended(
    tmp_path: Path, judge: Callable[[], Any], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        await run(tmp_path, Judging(judge))
    assert len(timeless(tmp_path)) == 2
    end = await run(tmp_path, Counting(3))
    assert (end.why, end.counting) == ("complete", 3)
    await run(tmp_path / "alone", Counting(3))
    assert timeless(tmp_path) == timeless(tmp_path / "alone")


async def test_an_episode_that_fails_at_its_start_is_told(tmp_path: Path) -> None:
    class Failing(Counting):
        @contextmanager
        def open(self, task: Task) -> Generator[Visit]:
            yield Visit(task.data["gold"])

    with pytest.raises(ConfigurationError, match="cannot set up dev-0-0000: KeyError: 'gold'"):
        await run(tmp_path, Failing(1))


async def test_two_tasks_with_one_id_are_refused_before_anything(tmp_path: Path) -> None:
    class Twice(Counting):
        def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
            first, second, *rest = super().tasks(split, seed=seed, count=count)
            return [first, replace(second, id=first.id), *rest]

    with pytest.raises(ConfigurationError, match="two tasks of counting have the id dev-0-0000"):
        await run(tmp_path / "results", Twice())
    assert not (tmp_path / "results").exists()


FILE = """
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

from lean_agent_evals.attempt import Attempt
from lean_agent_evals.task import Task


@dataclass
class Own:
    name: str = "own"
    words: list[str] = field(default_factory=list)

    def tasks(self, split, *, seed=0, count=None):
        return [Task(id="one", question="one?")]

    @contextmanager
    def open(self, task):
        yield Attempt(instructions="", scorer=None)

    def solution(self, task): ...

    def best(self, task):
        return 1.0


suite = Own()
"""


@pytest.mark.parametrize("name", ["own.py", "json.py"])
def test_a_file_may_hold_dataclasses_and_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILE)
    assert open_suite(str(tmp_path / name)).name == "own"
    import json

    assert json.loads("1") == 1, "the file took the place of a module of its name"
