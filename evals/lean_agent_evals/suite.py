"""What a suite is: tasks, the tools each is given, and the scorer. A user's own is one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lean_agent import RunResult, Tool
from lean_agent_evals.task import Score, Split, Task

__all__ = ["Episode", "Solution", "Suite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """How somebody who knows everything solves a task: tool calls in order, then the answer."""

    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    answer: str


class Episode(Protocol):
    """One attempt at one task, with the state its tools change."""

    @property
    def tools(self) -> Sequence[Tool]:
        """Made for this attempt: two attempts share nothing that one of them could change."""
        ...

    @property
    def roots(self) -> Sequence[Path]:
        """Files and folders that the agent's own file tools may read."""
        ...

    @property
    def instructions(self) -> str:
        """What the agent is told beside the question; the same for every task of the suite."""
        ...

    def score(self, result: RunResult) -> Score:
        """How well the attempt went. No model takes part."""
        ...


@runtime_checkable
class Suite(Protocol):
    """Tasks of one kind.

    ``tasks`` gives the same tasks for the same split, seed and count in every process; no task of
    one split is in the other, whatever the seeds. ``solution`` is what the model-free check plays
    through the tools: it must score what ``best`` says, 1.0 unless the suite's own oracle does
    worse.
    """

    @property
    def name(self) -> str: ...

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """The first ``count`` tasks; None gives as many as the suite has by default."""
        ...

    def open(self, task: Task) -> AbstractContextManager[Episode]:
        """Set an attempt up, and clean up after it."""
        ...

    def solution(self, task: Task) -> Solution: ...

    def best(self, task: Task) -> float:
        """The score that ``solution`` reaches."""
        ...
