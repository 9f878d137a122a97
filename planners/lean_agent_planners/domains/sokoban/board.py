"""Reads a Sokoban level: a PDDL problem of ``sokoban-sequential``, or its drawing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lean_agent.errors import ConfigurationError

__all__ = ["Board", "read_board"]

_HINT = "give a PDDL problem of sokoban-sequential, or a drawing with # @ + $ * . and spaces"
_PLACE = r"pos-(\d+)-(\d+)"
_MOST_SQUARES = 2_500
_MOST_DIGITS = len(str(_MOST_SQUARES))
_TOO_LARGE = f"more than {_MOST_SQUARES} squares"


@dataclass(frozen=True, slots=True)
class Board:
    """``grid[row][column]``: 0 floor, 1 wall, 2 goal; places are (row, column)."""

    grid: tuple[tuple[int, ...], ...]
    player: tuple[int, int]
    stones: tuple[tuple[int, int], ...]


def read_board(text: str) -> Board:
    """The level that a text holds.

    Raises:
        ConfigurationError: it holds none.
    """
    board = _from_pddl(text) if "(define" in text else _from_drawing(text)
    goals = sum(row.count(2) for row in board.grid)
    if not board.stones or len(board.stones) > goals:
        raise ConfigurationError(f"{len(board.stones)} stones and {goals} goals", hint=_HINT)
    return board


def _from_drawing(text: str) -> Board:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not lines or re.search(r"[^#@+$*. ]", "".join(lines)):
        raise ConfigurationError("the text is no drawing of a level", hint=_HINT)
    width = max(map(len, lines))
    _check_size(len(lines), width)
    grid = tuple(
        tuple(1 if sign == "#" else 2 if sign in ".*+" else 0 for sign in line.ljust(width))
        for line in lines
    )
    signs = {(r, c): sign for r, line in enumerate(lines) for c, sign in enumerate(line)}
    players = [place for place, sign in signs.items() if sign in "@+"]
    if len(players) != 1:
        raise ConfigurationError(f"there are {len(players)} players, not one", hint=_HINT)
    return Board(grid, players[0], tuple(place for place, sign in signs.items() if sign in "$*"))


def _from_pddl(text: str) -> Board:
    """Walls are squares that no MOVE-DIR leads to or from; pos-x-y has its column first."""
    text = re.sub(r";[^\n]*", "", text).lower()

    def places(pattern: str) -> list[tuple[int, int]]:
        found: list[tuple[str, str]] = re.findall(pattern, text)
        if any(len(number) > _MOST_DIGITS for place in found for number in place):
            raise ConfigurationError(_TOO_LARGE, hint=_HINT)
        return [(int(y) - 1, int(x) - 1) for x, y in found]

    squares = places(_PLACE)
    floor = set(places(rf"\(move-dir\s+{_PLACE}")) | set(places(rf"\(move-dir\s+\S+\s+{_PLACE}"))
    goals = set(places(rf"\(is-goal\s+{_PLACE}"))
    players = places(rf"\(at\s+player\S*\s+{_PLACE}")
    stones = places(rf"\(at\s+stone\S*\s+{_PLACE}")
    if not squares or len(players) != 1 or min(min(square) for square in squares) < 0:
        raise ConfigurationError("the problem has no board with one player", hint=_HINT)
    height, width = (max(square[i] for square in squares) + 1 for i in (0, 1))
    _check_size(height, width)
    grid = tuple(
        tuple((2 if (r, c) in goals else 0) if (r, c) in floor else 1 for c in range(width))
        for r in range(height)
    )
    if any(grid[r][c] == 1 for r, c in [*players, *stones]) or len(set(stones)) < len(stones):
        raise ConfigurationError("a thing is in a wall, or two stones on one square", hint=_HINT)
    return Board(grid, players[0], tuple(stones))


def _check_size(height: int, width: int) -> None:
    if height * width > _MOST_SQUARES:
        raise ConfigurationError(_TOO_LARGE, hint=_HINT)
