"""The reference planner of PrOntoQA, hand-written: text for the sandbox."""

from __future__ import annotations

from typing import Any


def successors(state: list[str], static: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Each rule whose condition is known adds its conclusion, if that is new."""
    found: dict[str, tuple[str, list[str]]] = {}
    for condition, conclusion in static["rules"]:
        if condition in state and conclusion not in state and conclusion not in found:
            found[conclusion] = (f"{condition} -> {conclusion}", sorted([*state, conclusion]))
    return list(found.values())


def is_goal(state: list[str], static: dict[str, Any]) -> bool:
    """What is asked, or its opposite, is known."""
    return any(goal in state for goal in static["goals"])


def heuristic(state: list[str], static: dict[str, Any]) -> int | None:
    """How many rules, at least, lead from what is known to the answer; None if none do."""
    reached = static["goals"]
    frontier = reached
    steps = 0
    while frontier:
        if any(one in state for one in frontier):
            return steps
        steps += 1
        frontier = [rule[0] for rule in static["rules"] if rule[1] in frontier]
        frontier = [one for one in frontier if one not in reached]
        reached = reached + frontier
    return None


def key(state: list[str]) -> tuple[str, ...]:
    """States come sorted."""
    return tuple(sorted(state))
