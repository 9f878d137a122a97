"""Finds a Sokoban level in a task: its drawing, or a PDDL problem."""

from __future__ import annotations

from itertools import groupby

from lean_agent_planners.domain import Excerpt
from lean_agent_planners.pddl_text import find_problem

__all__ = ["find"]

_SIGNS = frozenset("#@+$*. ")
_LEAST_ROWS = 3


def find(task: str) -> Excerpt | None:
    """The level; None where there is not exactly one drawing with a stone."""
    if problem := find_problem(task):
        return problem
    lines = task.splitlines()
    drawings: list[range] = []
    for drawn, places in groupby(range(len(lines)), key=lambda place: _is_row(lines[place])):
        rows = list(places)
        stones = any(sign in lines[row] for row in rows for sign in "$*")
        if drawn and len(rows) >= _LEAST_ROWS and stones:
            drawings.append(range(rows[0], rows[-1] + 1))
    if len(drawings) != 1:
        return None
    level = drawings[0]
    around = [line for place, line in enumerate(lines) if place not in level]
    return Excerpt("\n".join(lines[row] for row in level), "\n".join(around))


def _is_row(line: str) -> bool:
    """Walls and what may stand between them; a heading of Markdown has words behind its sign."""
    return "#" in line and _SIGNS.issuperset(line)
