"""Finds a crossword with candidates in a task: one JSON object."""

from __future__ import annotations

import json

from lean_agent_planners.domain import Excerpt

__all__ = ["find"]


def find(task: str) -> Excerpt | None:
    """The object with "across" and "down"; None where there is none."""
    begin = task.find("{")
    if begin < 0 or '"across"' not in task or '"down"' not in task:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(task, begin)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or set(value) != {"across", "down"}:  # pyright: ignore[reportUnknownArgumentType]
        return None
    return Excerpt(task[begin:end], f"{task[:begin]} {task[end:]}")
