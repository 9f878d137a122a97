"""What is asked, and how well it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Score", "Split", "Task"]

Split = Literal["dev", "test"]
"""Development tasks are there to look at and tune on; test tasks are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One question of a suite.

    ``id`` is unique in its suite and the same in every process for the same split and seed.
    ``answers`` are the gold ones, any of which will do. ``entities`` are those that an answer must
    have gathered (WebLeaper). ``needs_tools`` is False where the right thing is to call none, None
    where nobody says. ``level`` and ``kind`` group the tasks of a suite. ``data`` is the suite's
    own, plain JSON.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    level: int = 0
    kind: str = ""
    needs_tools: bool | None = None
    entities: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``value`` is 0 to 1; ``passed`` is the suite's own bar, ``detail`` one line that says why.

    Raises:
        ValueError: it is none, or not of Python's own types.
    """

    value: float
    passed: bool
    detail: str = ""

    def __post_init__(self) -> None:
        if problem := _problem(self.value, self.passed):
            raise ValueError(problem)


def _problem(value: object, passed: object) -> str:
    if not (isinstance(value, int | float) and 0 <= value <= 1):
        return f"a score's value is {value!r}, not a number from 0 to 1"
    if not isinstance(passed, bool):
        return f"a score's passed is {passed!r}, neither True nor False"
    return ""
