"""Sokoban: push every stone onto a goal square. A step is one move of the player.

Tests as in AutoToS (2408.11326).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.answers import answer_line
from lean_agent_planners.domain import (
    Domain,
    GoalTest,
    Instance,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
    same,
)
from lean_agent_planners.domains.sokoban.board import read_board
from lean_agent_planners.domains.sokoban.recognising import find

__all__ = ["domain"]

_DESCRIPTION = """\
In Sokoban a player steps up, down, left or right onto a free square, or pushes a stone that is
there one square further in the same direction, if that square is neither a wall nor another stone.
Stones cannot be pulled. The goal: every stone is on a goal square.

A state is a dict: {"at-player": [5, 3], "at-stone": [[3, 3], [4, 3]]}, places as [row, column],
stones in any order. grid is a list of rows; 0 is floor, 1 a wall, 2 a goal square.
"""

_LETTERS = {(-1, 0): "u", (1, 0): "d", (0, -1): "l", (0, 1): "r"}

_LEVEL = "######\n#@$ .#\n#    #\n######"
_GRID = [[1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 2, 1], [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]]


def _state(player: list[int], *stones: list[int]) -> dict[str, Any]:
    return {"at-player": player, "at-stone": list(stones)}


def _encode(text: str) -> Problem:
    board = read_board(text)
    stones = sorted(list(stone) for stone in board.stones)
    return Problem(_state(list(board.player), *stones), [list(row) for row in board.grid])


def _validate(text: str, plan: Plan) -> str:
    """Play the level move by move; the answer is the moves, u d l r, a push in capitals."""
    board = read_board(text)
    player = board.player
    stones = set(board.stones)
    if not plan.states or _places(plan.states[0]) != (player, stones):
        raise InvalidPlanError("the plan does not start at the level's position")
    free = {(r, c) for r, row in enumerate(board.grid) for c, kind in enumerate(row) if kind != 1}
    moves: list[str] = []
    for number, state in enumerate(plan.states[1:], 1):
        to, after = _places(state)
        step = (to[0] - player[0], to[1] - player[1])
        if step not in _LETTERS or to not in free:
            raise InvalidPlanError(f"step {number}: the player cannot go from {player} to {to}")
        letter = _LETTERS[step]
        if to in stones:
            beyond = (to[0] + step[0], to[1] + step[1])
            if beyond not in free or beyond in stones:
                raise InvalidPlanError(f"step {number}: the stone at {to} cannot be pushed")
            stones.remove(to)
            stones.add(beyond)
            letter = letter.upper()
        if after != stones:
            raise InvalidPlanError(f"step {number}: the stones are not where the move leaves them")
        player = to
        moves.append(letter)
    if any(board.grid[r][c] != 2 for r, c in stones):
        raise InvalidPlanError("the plan ends with a stone off the goals")
    return "".join(moves)


def _check_answer(text: str, answer: str) -> str:
    """The moves, played blindly; the validator then says whether each of them can be made."""
    board = read_board(text)
    line = answer_line(answer).lower()
    letters = re.sub(r"\b(up|down|left|right)\b", lambda word: word[0][0], line)
    letters = re.sub(r"[\s,.;>\[\]'\"-]", "", letters)
    if not letters or set(letters) - set(_LETTERS.values()):
        raise InvalidPlanError("the answer is no line of moves u d l r")
    steps = {letter: step for step, letter in _LETTERS.items()}
    player, stones = board.player, list(board.stones)
    states = [_state(list(player), *map(list, stones))]
    for letter in letters:
        down, right = steps[letter]
        player = (player[0] + down, player[1] + right)
        stones = [(r + down, c + right) if (r, c) == player else (r, c) for r, c in stones]
        states.append(_state(list(player), *map(list, stones)))
    return _validate(text, Plan(tuple(states)))


def _places(state: Any) -> tuple[tuple[int, int], set[tuple[int, int]]]:
    try:
        row, column = state["at-player"]
        stones: list[tuple[int, int]] = [(r, c) for r, c in state["at-stone"]]
        # What is no number cannot be one of the squares, and cannot be counted with either.
        if not all(isinstance(n, int | float) for n in chain((row, column), *stones)):
            raise TypeError
        found = set(stones)
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidPlanError("a state is no player's place and stones' places") from error
    if len(found) < len(stones):
        raise InvalidPlanError("two stones are on one square")
    return (row, column), found


def _instances(folder: Path) -> Sequence[Instance]:
    """The levels in the folder and below, by name; ``answer`` stays open: many plans are right."""
    files = sorted(file for file in folder.rglob("*.pddl") if file.name != "domain.pddl")
    if not files:
        raise ConfigurationError(f"there is no level in {folder}", hint="it needs *.pddl files")
    try:
        return [Instance(file.stem, file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"a level cannot be read: {error}") from error


def _step_problem(before: Any, after: Any) -> str:
    if after["at-player"] in after["at-stone"]:
        return "the player is on a stone's square"
    if len({json.dumps(stone) for stone in after["at-stone"]}) != len(before["at-stone"]):
        return "a step must keep the number of stones, each on a square of its own"
    return ""


def _canonical(state: Any) -> str:
    return same({**state, "at-stone": sorted(state["at-stone"])})


domain = Domain(
    name="sokoban",
    summary="push stones onto goals: a PDDL problem or a drawing",
    description=_DESCRIPTION,
    static="grid",
    encode=_encode,
    validate=_validate,
    instances=_instances,
    check_answer=_check_answer,
    goal_tests=(
        GoalTest(_state([1, 3], [1, 4]), True, _GRID),
        GoalTest(_state([1, 1], [1, 2]), False, _GRID),
        GoalTest(_state([1, 1], [1, 4], [2, 4]), False, _GRID),
    ),
    successor_tests=(
        SuccessorTest(
            _state([1, 1], [1, 2]), (_state([1, 2], [1, 3]), _state([2, 1], [1, 2])), _GRID
        ),
        SuccessorTest(_state([1, 1], [1, 2], [1, 3], [2, 1]), (), _GRID),
        SuccessorTest(
            _state([1, 3], [1, 4], [1, 2]),
            (_state([2, 3], [1, 4], [1, 2]), _state([1, 2], [1, 4], [1, 1])),
            _GRID,
        ),
    ),
    step_problem=_step_problem,
    solved=_LEVEL,
    unsolvable=_LEVEL.replace("@$ .", "$ @."),
    algorithm="astar",
    canonical=_canonical,
    find=find,
)
