"""What a general assistant is asked, mixed: the suite that the gate is calibrated and judged on.

Spec: gating. Each part is a suite of its own with its own tools; some parts share their tools, so
that these alone do not give away which mode is right.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path

from lean_agent import ConfigurationError, RunResult, Tool
from lean_agent_evals.suite import Episode, Solution, Suite
from lean_agent_evals.suites.gaia_like.suite import GaiaLike
from lean_agent_evals.suites.gsm8k import GSM8K
from lean_agent_evals.suites.planning.suite import Planning
from lean_agent_evals.suites.retrieval_qa import RetrievalQA
from lean_agent_evals.suites.webshop_like.suite import WebShopLike
from lean_agent_evals.task import Score, Split, Task
from lean_agent_tools.calculator import calculator
from lean_agent_tools.python import python

__all__ = ["Mixed"]

_EACH = 17
_SIMPLE = ("hops-1", "hops-2", "basic", "arithmetic")


@dataclass(frozen=True, slots=True)
class _Part:
    """Tasks of one suite, those of some kinds. With ``bare`` the suite's own tools are left out."""

    suite: Suite
    holds: Callable[[str], bool] = lambda _kind: True
    every_second: int | None = None
    bare: bool = False

    def tasks(self, split: Split, seed: int) -> list[Task]:
        """All of them, going round their kinds; every second from the first or second on, if so."""
        kinds: dict[str, list[Task]] = {}
        for task in self.suite.tasks(split, seed=seed):
            if self.holds(task.kind):
                kinds.setdefault(task.kind, []).append(task)
        found = _in_turn([kinds[kind] for kind in sorted(kinds)])
        return found if self.every_second is None else found[self.every_second :: 2]


@dataclass(frozen=True, slots=True)
class _Assistant:
    """An attempt with the tools that any assistant has, and no others."""

    inner: Episode
    tools: Sequence[Tool] = (calculator, python)

    @property
    def roots(self) -> Sequence[Path]:
        return self.inner.roots

    @property
    def instructions(self) -> str:
        return self.inner.instructions

    def score(self, result: RunResult) -> Score:
        return self.inner.score(result)


class Mixed:
    """Six kinds of tasks in turn: no-tool, reasoning, search, file, shopping and planning.

    A task's ``kind`` says which.

    Args:
        folder: Holds ``gsm8k_dev/questions.json``, ``hotpotqa_dev/questions.json`` and
            ``planning/DOMAIN``.

    Raises:
        ConfigurationError: one of these is missing or has another form.
    """

    name = "mixed"

    def __init__(self, folder: Path) -> None:
        world = GaiaLike()
        hotpot = RetrievalQA(folder / "hotpotqa_dev" / "questions.json")
        self._parts: dict[str, tuple[_Part, ...]] = {
            "no-tool": (
                _Part(world, _plain, every_second=0),
                _Part(world, _plain, every_second=1, bare=True),
            ),
            "reasoning": (_Part(GSM8K(folder / "gsm8k_dev" / "questions.json")),),
            "search": (_Part(world, lambda kind: kind in _SIMPLE), _Part(hotpot)),
            "file": (_Part(world, lambda kind: kind.startswith("file-")),),
            "shopping": (_Part(WebShopLike()),),
            "planning": (_Part(Planning(folder / "planning")),),
        }

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """The kinds in turn; 17 of each by default.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        count = _EACH * len(self._parts) if count is None else count
        found = _in_turn([self._of_kind(kind, split, seed) for kind in self._parts])
        if count > len(found):
            raise ConfigurationError(
                f"there are {len(found)} tasks in this split, not {count}", hint="ask for fewer"
            )
        return found[:count]

    @contextmanager
    def open(self, task: Task) -> Generator[Episode]:
        part, inner = self._inner(task)
        with part.suite.open(inner) as episode:
            yield _Assistant(episode) if part.bare or not episode.tools else episode

    def solution(self, task: Task) -> Solution:
        part, inner = self._inner(task)
        return part.suite.solution(inner)

    def best(self, task: Task) -> float:
        part, inner = self._inner(task)
        return part.suite.best(inner)

    def _of_kind(self, kind: str, split: Split, seed: int) -> list[Task]:
        return _in_turn(
            [
                [_outer(kind, number, task) for task in part.tasks(split, seed)]
                for number, part in enumerate(self._parts[kind])
            ]
        )

    def _inner(self, task: Task) -> tuple[_Part, Task]:
        """The part that a task is from, and the task as that part knows it."""
        own = task.data
        inner = replace(task, id=own["id"], kind=own["kind"], data=own["data"])
        number: int = own["part"]
        return self._parts[task.kind][number], inner


def _plain(kind: str) -> bool:
    return kind.startswith("plain-")


def _outer(kind: str, part: int, task: Task) -> Task:
    own = {"part": part, "id": task.id, "kind": task.kind, "data": task.data}
    return replace(task, id=f"{kind}-{task.id}", kind=kind, data=own)


def _in_turn(queues: Sequence[Sequence[Task]]) -> list[Task]:
    return [task for task in chain.from_iterable(zip_longest(*queues)) if task is not None]
