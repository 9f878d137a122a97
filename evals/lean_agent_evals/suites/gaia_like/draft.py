"""A question with all that its maker knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lean_agent_evals.suites.gaia_like.documents import File

__all__ = ["Call", "Draft", "alphabetical", "calculate", "open_page", "run_python"]

Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """``entities`` and ``evidence`` (sentences and rows of tables) are what ``calls`` bring to
    light; from them the answer follows. Without calls, the question needs no tool.
    """

    question: str
    answers: tuple[str, ...]
    level: int
    entities: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    files: tuple[File, ...] = ()


def open_page(title: str, part: int = 1) -> Call:
    """The call that reads a page, or a later part of it."""
    return "open_page", {"title": title} if part == 1 else {"title": title, "part": part}


def calculate(expression: str) -> Call:
    """The call that does arithmetic."""
    return "calculator", {"expression": expression}


def run_python(code: str) -> Call:
    """The call that runs code."""
    return "python", {"code": code}


def alphabetical(names: Sequence[str]) -> list[str] | None:
    """The one alphabetical order of the names; None where it depends on whether spaces count."""
    by_word = sorted(names, key=str.casefold)
    by_letter = sorted(names, key=lambda name: name.casefold().replace(" ", ""))
    return by_word if by_word == by_letter else None
