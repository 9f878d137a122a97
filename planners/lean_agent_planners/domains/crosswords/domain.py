"""Mini crosswords (2305.10601): a 5 by 5 square whose rows and columns are words.

What a clue means is no matter of search: each of the ten words comes with candidates.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.answers import answer_part
from lean_agent_planners.domain import (
    Domain,
    GoalTest,
    Instance,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
)
from lean_agent_planners.domains.crosswords.recognising import find

__all__ = ["domain"]

_HINT = 'give JSON: {"across": [five lists of words], "down": [five lists of words]}'
_SIZE = 5
_LABELS = {"across", "down", "row", "rows", "column", "columns", "and"}

_DESCRIPTION = """\
A crossword is a square of 5 by 5 letters without black squares. Its rows are filled from the top; a
step adds the next row, one of that row's candidates. Each column, from the top, must stay the
beginning of one of that column's candidates. The search is over when five rows stand and each
column is one of its candidates.

A state is the list of the rows so far, as ["agend", "motor"]; each has five small letters.
candidates is a dict: {"across": [row 1's candidates, ..., row 5's], "down": [column 1's, ...]}.
"""


def _encode(text: str) -> Problem:
    """Candidates of another length cannot fit and are left out."""
    try:
        given = json.loads(text)
        lists = {name: list(given[name]) for name in ("across", "down")}
        words = {
            name: [sorted({str(word).lower() for word in group}) for group in groups]
            for name, groups in lists.items()
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError("the text is no crossword with candidates", hint=_HINT) from error
    if any(len(groups) != _SIZE for groups in words.values()):
        raise ConfigurationError("a crossword has five words across and five down", hint=_HINT)
    fitting = {
        name: [[word for word in group if _fits(word)] for group in groups]
        for name, groups in words.items()
    }
    return Problem([], fitting)


def _fits(word: str) -> bool:
    return len(word) == _SIZE and word.isascii() and word.isalpha()


def _validate(text: str, plan: Plan) -> str:
    """Each step adds a row; in the end all ten words are candidates. The answer is the rows."""
    candidates = _encode(text).static
    if not plan.states or _rows(plan.states[0]):
        raise InvalidPlanError("the plan does not start with an empty square")
    rows: list[str] = []
    for number, state in enumerate(plan.states[1:], 1):
        after = _rows(state)
        if after[:-1] != rows or not after:
            raise InvalidPlanError(f"step {number} does not add one row")
        rows = after
    if len(rows) != _SIZE:
        raise InvalidPlanError(f"the plan ends with {len(rows)} rows, not {_SIZE}")
    for number in range(_SIZE):
        if rows[number] not in candidates["across"][number]:
            raise InvalidPlanError(f"{rows[number]!r} is no candidate for {number + 1} across")
        column = "".join(row[number] for row in rows)
        if column not in candidates["down"][number]:
            raise InvalidPlanError(f"{column!r} is no candidate for {number + 1} down")
    return " ".join(rows)


def _check_answer(text: str, answer: str) -> str:
    """Five rows, ten words (rows, then columns), or a grid of 25 letters; nothing else beside."""
    words = re.findall(r"[a-z]+", answer_part(answer).lower())
    words = [word for word in words if word not in _LABELS]
    if len(words) == _SIZE * _SIZE and all(len(word) == 1 for word in words):
        words = ["".join(words[at : at + _SIZE]) for at in range(0, len(words), _SIZE)]
    if len(words) not in (_SIZE, 2 * _SIZE) or not all(map(_fits, words)):
        raise InvalidPlanError("the answer is no five rows, and no ten words")
    rows, columns = words[:_SIZE], words[_SIZE:]
    if columns and columns != ["".join(column) for column in zip(*rows, strict=True)]:
        raise InvalidPlanError("the words down are not what the words across spell")
    return _validate(text, Plan(tuple(rows[:count] for count in range(_SIZE + 1))))


def _rows(state: Any) -> list[str]:
    if not isinstance(state, (list, tuple)):
        raise InvalidPlanError("a state is no list of rows")
    rows: list[Any] = list(state)  # pyright: ignore[reportUnknownArgumentType]
    if not all(isinstance(row, str) and _fits(row) for row in rows):
        raise InvalidPlanError("a row is no word of five letters")
    return rows


def _instances(folder: Path) -> Sequence[Instance]:
    """The puzzles that come with candidates: a line each, candidates across, then down."""
    file = folder / "with_candidates_10.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row[0].startswith("[")]
        return [
            Instance(
                str(number), json.dumps({"across": json.loads(row[0]), "down": json.loads(row[1])})
            )
            for number, row in enumerate(rows, 1)
        ]
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error}", hint="it needs two columns of JSON lists"
        ) from error


def _step_problem(before: Any, after: Any) -> str:
    if after[:-1] != before or len(after) != len(before) + 1:
        return "a step must keep the rows and add exactly one"
    return ""


_WORDS: dict[str, list[list[str]]] = {
    "across": [["agend", "tasks"], ["motor"], ["artsy", "showy"], ["salle"], ["sleer", "sneer"]],
    "down": [["amass", "stack"], ["goral"], ["ettle"], ["nosle"], ["dryer", "drier"]],
}
_ROWS = ["agend", "motor", "artsy", "salle", "sleer"]

domain = Domain(
    name="crosswords",
    summary="a 5 by 5 crossword, its words among candidates",
    description=_DESCRIPTION,
    static="candidates",
    encode=_encode,
    validate=_validate,
    instances=_instances,
    check_answer=_check_answer,
    goal_tests=(
        GoalTest(_ROWS, True, _WORDS),
        GoalTest([], False, _WORDS),
        GoalTest(_ROWS[:4], False, _WORDS),
        GoalTest([*_ROWS[:4], "sneer"], False, _WORDS),
    ),
    successor_tests=(
        SuccessorTest([], (["agend"],), _WORDS),
        SuccessorTest(_ROWS[:1], (_ROWS[:2],), _WORDS),
        SuccessorTest(_ROWS[:4], (_ROWS,), _WORDS),
        SuccessorTest(_ROWS, (), _WORDS),
    ),
    step_problem=_step_problem,
    solved=json.dumps(_WORDS),
    unsolvable=json.dumps({**_WORDS, "across": [["tasks"], *_WORDS["across"][1:]]}),
    algorithm="dfs",
    find=find,
)
