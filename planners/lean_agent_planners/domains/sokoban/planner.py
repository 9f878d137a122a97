"""The reference planner of Sokoban, hand-written: text for the sandbox."""

from __future__ import annotations

from typing import Any

_STEPS = (("up", -1, 0), ("down", 1, 0), ("left", 0, -1), ("right", 0, 1))
_FAR = 1_000_000
_known: dict[str, Any] = {}  # of the grid searched last: square -> pushes to each goal


def successors(state: dict[str, Any], grid: list[list[int]]) -> list[tuple[str, dict[str, Any]]]:
    """The player steps onto a free square, or pushes the stone there one further."""
    row, column = state["at-player"]
    stones: list[list[int]] = state["at-stone"]
    found: list[tuple[str, dict[str, Any]]] = []
    for name, down, right in _STEPS:
        to = [row + down, column + right]
        if not _open(grid, to):
            continue
        if to not in stones:
            found.append((f"move {name}", {"at-player": to, "at-stone": stones}))
            continue
        beyond = [to[0] + down, to[1] + right]
        if _open(grid, beyond) and beyond not in stones:
            moved = sorted([beyond if stone == to else stone for stone in stones])
            found.append((f"push {name}", {"at-player": to, "at-stone": moved}))
    return found


def is_goal(state: dict[str, Any], grid: list[list[int]]) -> bool:
    """Every stone is on a goal square (2)."""
    stones: list[list[int]] = state["at-stone"]
    return all(grid[row][column] == 2 for row, column in stones)


def heuristic(state: dict[str, Any], grid: list[list[int]]) -> int | None:
    """The pushes of the cheapest matching of stones to goals, and the way to a stone.

    None where no matching exists, or a block of four can never be pushed apart. It never exceeds
    the true cost.
    """
    stones: list[list[int]] = state["at-stone"]
    if _known.get("grid") is not grid:
        _known["grid"] = grid
        _known["table"] = _push_distances(grid)
        none_yet: dict[Any, int] = {}
        _known["matched"] = none_yet
    table: dict[Any, Any] = _known["table"]
    matched: dict[Any, int] = _known["matched"]
    place = tuple([stone[0] * 1000 + stone[1] for stone in stones])
    if place not in matched:
        rows = [table.get((stone[0], stone[1])) for stone in stones]
        dead = None in rows or _frozen(stones, grid)
        matched[place] = _FAR if dead else _cheapest(rows, 0, 0, {})
    pushes = matched[place]
    if pushes >= _FAR:
        return None
    if pushes == 0:
        return 0
    row, column = state["at-player"]
    # Only a stone off its goal is sure to be pushed, but any push has to reach some stone.
    near = min([abs(stone[0] - row) + abs(stone[1] - column) for stone in stones])
    return pushes + near - 1


def key(state: dict[str, Any]) -> tuple[int, ...]:
    """Stones are alike and kept sorted."""
    row, column = state["at-player"]
    stones: list[list[int]] = state["at-stone"]
    return (row * 1000 + column, *sorted([stone[0] * 1000 + stone[1] for stone in stones]))


def _open(grid: list[list[int]], square: list[int]) -> bool:
    row, column = square
    return 0 <= row < len(grid) and 0 <= column < len(grid[row]) and grid[row][column] != 1


def _push_distances(grid: list[list[int]]) -> dict[Any, Any]:
    """Square -> pushes to each goal with no other stone about, pulling back from the goals."""
    goals = [
        (row, column)
        for row in range(len(grid))
        for column in range(len(grid[row]))
        if grid[row][column] == 2
    ]
    table: dict[Any, Any] = {}
    for number in range(len(goals)):
        reached = {goals[number]: 0}
        frontier = [goals[number]]
        for row, column in frontier:
            for _, down, right in _STEPS:
                before = (row - down, column - right)
                player = [row - 2 * down, column - 2 * right]
                if before in reached or not _open(grid, list(before)) or not _open(grid, player):
                    continue
                reached[before] = reached[(row, column)] + 1
                frontier.append(before)
        for square in reached:
            if square not in table:
                table[square] = [_FAR] * len(goals)
            table[square][number] = reached[square]
    return table


def _cheapest(rows: list[Any], stone: int, used: int, known: dict[Any, int]) -> int:
    """The least sum over matchings of the stones from this one on to the goals not in ``used``."""
    if stone == len(rows):
        return 0
    if used in known:
        return known[used]
    best = _FAR
    for goal in range(len(rows[stone])):
        pushes = rows[stone][goal]
        if pushes < best and not used >> goal & 1:
            best = min(best, pushes + _cheapest(rows, stone + 1, used | 1 << goal, known))
    known[used] = best
    return best


def _frozen(stones: list[list[int]], grid: list[list[int]]) -> bool:
    """Whether stones and walls fill a 2 by 2 block with a stone off its goal in it."""
    for row, column in stones:
        if grid[row][column] == 2:
            continue
        for down in (-1, 1):
            for right in (-1, 1):
                corner = [[row + down, column], [row, column + right], [row + down, column + right]]
                if all(one in stones or not _open(grid, one) for one in corner):
                    return True
    return False
