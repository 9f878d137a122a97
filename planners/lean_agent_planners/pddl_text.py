"""Finds a PDDL problem in a text."""

from __future__ import annotations

import re

from lean_agent_planners.domain import Excerpt

__all__ = ["find_problem"]


def find_problem(task: str) -> Excerpt | None:
    """From the first ``(define`` to the parenthesis that closes it; None where there is none.

    Comments around it are no words of whoever asks.
    """
    begin = task.lower().find("(define")
    if begin < 0:
        return None
    depth = 0
    for place in range(begin, len(task)):
        depth += {"(": 1, ")": -1}.get(task[place], 0)
        if depth == 0:
            around = f"{task[:begin]} {task[place + 1 :]}"
            return Excerpt(task[begin : place + 1], re.sub(r"(?m)^\s*;.*$", "", around))
    return None
