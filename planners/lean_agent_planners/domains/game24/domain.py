"""The game of 24: reach 24 from a few numbers with + - * /, each number used once.

Tests as in Thought of Search (2404.11833): a state is the list of the numbers that are left.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import (
    ActionKind,
    Domain,
    GoalTest,
    Instance,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
)
from lean_agent_planners.domains.game24.expression import read_expression
from lean_agent_planners.domains.game24.recognising import find

__all__ = ["domain"]

_MOST_NUMBERS = 6
_NEAR = 1e-6  # floats in a state stand for exact fractions

_DESCRIPTION = """\
A state is a list of numbers, as [4, 6, 8, 10] or [0.5, 24], in any order. A step takes two of them
away, from any two places, and puts in one number that they make; all other numbers stay.
"""
_GOAL = """\
A state is a list of numbers. It is a goal if one number is left and that is 24. Numbers may have
been rounded: one that differs from 24 by less than 0.000001 counts as 24.
"""


def _encode(text: str) -> Problem:
    words = text.replace(",", " ").split()
    if not 1 <= len(words) <= _MOST_NUMBERS or not all(word.isdecimal() for word in words):
        raise ConfigurationError(
            f"{text.strip()[:80]!r} is no game of 24",
            hint=f"give 1 to {_MOST_NUMBERS} whole numbers: '4 6 8 10'",
        )
    if any(len(word) > 4 for word in words):
        raise ConfigurationError("a number is too large", hint="numbers up to 9999")
    return Problem(sorted(int(word) for word in words))


class _Term:
    """An expression and its exact value."""

    def __init__(self, text: str, value: Fraction) -> None:
        self.text = text
        self.value = value


def _results(a: _Term, b: _Term) -> Iterator[_Term]:
    yield _Term(f"({a.text} + {b.text})", a.value + b.value)
    yield _Term(f"({a.text} * {b.text})", a.value * b.value)
    for first, second in ((a, b), (b, a)):
        yield _Term(f"({first.text} - {second.text})", first.value - second.value)
        if second.value:
            yield _Term(f"({first.text} / {second.text})", first.value / second.value)


def _validate(text: str, plan: Plan) -> str:
    """Rebuild the expression from the states in exact fractions; it is the answer."""
    terms = [_Term(str(number), Fraction(number)) for number in _encode(text).start]
    if not plan.states or not _is(terms, plan.states[0]):
        raise InvalidPlanError(f"the plan does not start with the numbers {text.strip()}")
    # Two operations may give numbers as near as this, so all ways to read a step are kept.
    readings = [terms]
    for number, state in enumerate(plan.states[1:], 1):
        readings = [after for before in readings for after in _followers(before, state)]
        if not readings:
            raise InvalidPlanError(f"step {number} to {state} is no operation on two numbers")
    for (term,) in (reading for reading in readings if len(reading) == 1):
        if term.value == 24:
            return term.text.removeprefix("(").removesuffix(")") if "(" in term.text else term.text
    raise InvalidPlanError("the plan does not end with 24 alone")


def _followers(terms: list[_Term], state: Any) -> Iterator[list[_Term]]:
    for i in range(len(terms)):
        for j in range(i + 1, len(terms)):
            rest = [term for k, term in enumerate(terms) if k not in (i, j)]
            for result in _results(terms[i], terms[j]):
                after = [*rest, result]
                if _is(after, state):
                    yield after


def _is(terms: list[_Term], state: Any) -> bool:
    if not isinstance(state, (list, tuple)) or len(state) != len(terms):  # pyright: ignore[reportUnknownArgumentType]
        return False
    numbers: list[Any] = list(state)  # pyright: ignore[reportUnknownArgumentType]
    if not all(type(number) in (int, float) for number in numbers):
        return False
    exact = sorted(term.value for term in terms)
    return all(abs(a - b) <= _NEAR for a, b in zip(exact, sorted(numbers), strict=True))


def _check_answer(text: str, answer: str) -> str:
    """The value is 24, exactly, and each number is used once."""
    expression, value, numbers = read_expression(answer)
    if numbers != _encode(text).start:
        raise InvalidPlanError(f"{expression!r} does not use each number exactly once")
    if value != 24:
        raise InvalidPlanError(f"{expression!r} is {value}, not 24")
    return expression


def _instances(folder: Path) -> Sequence[Instance]:
    file = folder / "24.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return [Instance(row["Rank"], row["Puzzles"]) for row in csv.DictReader(lines)]
    except (OSError, KeyError, UnicodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error}", hint="it needs the columns Rank and Puzzles"
        ) from error


def _step_problem(before: Any, after: Any) -> str:
    if len(after) != len(before) - 1:
        return "a step must leave exactly one number fewer"
    return ""


def _canonical(state: Any) -> str:
    return json.dumps(sorted(round(number, 6) + 0.0 for number in state))


domain = Domain(
    name="game24",
    summary="the game of 24: '4 6 8 10'",
    description=_DESCRIPTION,
    goal=_GOAL,
    encode=_encode,
    validate=_validate,
    instances=_instances,
    check_answer=_check_answer,
    goal_tests=(
        GoalTest([24], True),
        GoalTest([23.999999999999996], True),
        GoalTest([23.9], False),
        GoalTest([], False),
        GoalTest([3], False),
        GoalTest([24, 1], False),
        GoalTest([1, 6, 4], False),
        GoalTest([1, 1, 4, 6], False),
    ),
    successor_tests=(
        SuccessorTest([24], ()),
        SuccessorTest([6, 4], ([10], [2], [-2], [24], [1.5], [2 / 3])),
        SuccessorTest([0, 5], ([5], [-5], [0])),
        SuccessorTest(
            [1, 2, 8],
            (
                *([3, 8], [-1, 8], [1, 8], [2, 8], [0.5, 8]),
                *([9, 2], [-7, 2], [7, 2], [8, 2], [0.125, 2]),
                *([10, 1], [-6, 1], [6, 1], [16, 1], [0.25, 1], [4, 1]),
            ),
        ),
    ),
    actions=(
        ActionKind(
            "add",
            "Such a step takes two numbers away, from any two places, and puts in their sum.",
            (
                SuccessorTest([24], ()),
                SuccessorTest([6, 4], ([10],)),
                SuccessorTest([1, 2, 8], ([8, 3], [2, 9], [1, 10])),
                SuccessorTest(
                    [1, 2, 5, 9],
                    ([5, 9, 3], [2, 9, 6], [2, 5, 10], [1, 9, 7], [1, 5, 11], [1, 2, 14]),
                ),
            ),
        ),
        ActionKind(
            "subtract",
            "Such a step takes two numbers away, from any two places, and puts in one minus the "
            "other. Either can be subtracted from the other: two states for each two places.",
            (
                SuccessorTest([24], ()),
                SuccessorTest([6, 4], ([2], [-2])),
                SuccessorTest([1, 2, 8], ([8, -1], [8, 1], [2, -7], [2, 7], [1, -6], [1, 6])),
            ),
        ),
        ActionKind(
            "multiply",
            "Such a step takes two numbers away, from any two places, and puts in their product.",
            (
                SuccessorTest([24], ()),
                SuccessorTest([6, 4], ([24],)),
                SuccessorTest([1, 2, 8], ([8, 2], [2, 8], [1, 16])),
            ),
        ),
        ActionKind(
            "divide",
            "Such a step takes two numbers away, from any two places, and puts in the one at the "
            "earlier place divided by the one at the later place, unless the later one is zero.",
            (
                SuccessorTest([24], ()),
                SuccessorTest([6, 4], ([1.5],)),
                SuccessorTest([0, 5], ([0],)),
                SuccessorTest([5, 0], ()),
                SuccessorTest([1, 2, 8], ([8, 0.5], [2, 0.125], [1, 0.25])),
            ),
        ),
        ActionKind(
            "divide_back",
            "Such a step takes two numbers away, from any two places, and puts in the one at the "
            "later place divided by the one at the earlier place, unless the earlier one is zero.",
            (
                SuccessorTest([24], ()),
                SuccessorTest([6, 4], ([2 / 3],)),
                SuccessorTest([0, 5], ()),
                SuccessorTest([5, 0], ([0],)),
                SuccessorTest([1, 2, 8], ([8, 2], [2, 8], [1, 4])),
            ),
        ),
    ),
    step_problem=_step_problem,
    solved="4 6 8 10",
    unsolvable="1 1 1 1",
    algorithm="astar",
    canonical=_canonical,
    find=find,
)
