"""The reference planner of BlocksWorld, hand-written: text for the sandbox."""

from __future__ import annotations

from typing import Any


def successors(state: dict[str, Any], goal: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What the arm can do next: put down or stack what it holds, else pick up or unstack."""
    clear, table, on = state["clear"], state["on-table"], state["on"]
    found: list[tuple[str, dict[str, Any]]] = []
    held = state["holding"]
    if held is not None:
        places: list[Any] = [None, *clear]
        for under in places:
            after: dict[str, Any] = {
                "clear": sorted([held, *[one for one in clear if one != under]]),
                "on-table": table if under else sorted([*table, held]),
                "arm-empty": True,
                "holding": None,
                "on": sorted([*on, [held, under]]) if under else on,
            }
            found.append((f"stack {held} {under}" if under else f"put-down {held}", after))
        return found
    below = {pair[0]: pair[1] for pair in on}
    for block in clear:
        under = below.get(block)
        others = [one for one in clear if one != block]
        after = {
            "clear": sorted([*others, under]) if under else others,
            "on-table": table if under else [one for one in table if one != block],
            "arm-empty": False,
            "holding": block,
            "on": [pair for pair in on if pair[0] != block] if under else on,
        }
        found.append((f"unstack {block} {under}" if under else f"pick-up {block}", after))
    return found


def is_goal(state: dict[str, Any], goal: dict[str, Any]) -> bool:
    """Everything that the goal names holds."""
    return all(
        all(fact in state[name] for fact in goal[name]) for name in ("clear", "on-table", "on")
    )


def heuristic(state: dict[str, Any], goal: dict[str, Any]) -> int:
    """Each block that must move is picked up and put down: two steps, one if it is held.

    One too many at most, where the goal is met with a block still held.
    """
    below = {pair[0]: pair[1] for pair in state["on"]}
    wanted = {pair[0]: pair[1] for pair in goal["on"]}
    must: dict[Any, bool] = {}
    steps = 0
    for top in state["clear"]:
        tower = [top]
        while tower[-1] in below:
            tower.append(below[tower[-1]])
        tower.reverse()
        wrong = False
        under = None
        for block in tower:
            if block in wanted:
                wrong = wrong or wanted[block] != under
            elif block in goal["on-table"]:
                wrong = wrong or under is not None
            if under in goal["clear"]:
                wrong = True
            # What another block must sit on here cannot stay under this one.
            if under is not None and wanted.get(block) != under and under in wanted.values():
                wrong = True
            must[block] = wrong
            if wrong:
                steps += 2
            under = block
    held = state["holding"]
    return steps + 1 if held is not None else steps


def key(state: dict[str, Any]) -> str:
    """Where each block stands says everything; lists are kept sorted."""
    return f"{state['on']}{state['holding']}"
