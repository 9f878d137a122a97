"""Which tasks of a fixed set are for development and which for the test, and in what order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from lean_agent import ConfigurationError
from lean_agent_evals.task import Split, Task

__all__ = ["half", "split_of", "take"]


def split_of(question: str) -> Split:
    """Half of all questions are for each, by a hash of their text: asked twice, a question is on
    one side both times.
    """
    return "dev" if hashlib.sha256(question.encode()).digest()[0] < 128 else "test"


def half(tasks: Iterable[Task], split: Split, *, seed: int, count: int | None) -> list[Task]:
    """Those of one split by their questions, as ``take`` takes them."""
    found = (task for task in tasks if split_of(task.question) == split)
    return take(found, seed=seed, count=count)


def take(tasks: Iterable[Task], *, seed: int, count: int | None) -> list[Task]:
    """The first ``count`` of the tasks, in an order that the seed shuffles; all when None.

    Raises:
        ConfigurationError: more are asked for than there are.
    """
    found = sorted(tasks, key=lambda task: hashlib.sha256(f"{seed} {task.id}".encode()).digest())
    if count is not None and count > len(found):
        raise ConfigurationError(
            f"there are {len(found)} tasks in this split, not {count}",
            hint="ask for fewer, or for all by naming no number",
        )
    return found[:count]
