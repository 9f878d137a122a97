"""Finds a Sokoban level in a task: its drawing, or a PDDL problem."""

from __future__ import annotations

import re

from lean_agent_planners.domain import Excerpt
from lean_agent_planners.pddl_text import find_problem

__all__ = ["find"]

# Three rows at least, each with walls; a heading of Markdown has words behind its sign.
_DRAWING = re.compile(r"(?:^[ #@+$*.]*#[ #@+$*.]*$\n?){3,}", re.MULTILINE)


def find(task: str) -> Excerpt | None:
    """The level; None where there is not exactly one drawing with one player and a stone."""
    if problem := find_problem(task):
        return problem
    drawings = [found for found in _DRAWING.finditer(task) if re.search(r"[$*]", found[0])]
    if len(drawings) != 1:
        return None
    level = drawings[0]
    return Excerpt(level[0].rstrip("\n"), f"{task[: level.start()]} {task[level.end() :]}")
