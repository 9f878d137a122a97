from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.outcomes import result

from lean_agent import ConfigurationError
from lean_agent_evals.check import check_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.gsm8k import GSM8K, last_number

PUBLISHED = {"question": "How much are 9 eggs of $2?", "answer": "9 * 2 = 18\n#### 1,018"}
GIVEN = {"input": "Half of 7?", "target": 3.5}


def suite_of(folder: Path, *records: dict[str, Any]) -> GSM8K:
    path = folder / "questions.json"
    path.write_text(json.dumps(records))
    return GSM8K(path)


async def test_both_forms_are_read_and_every_question_can_be_solved(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, PUBLISHED, GIVEN)
    assert isinstance(suite, Suite)
    assert await check_suite(suite) == []
    tasks = [*suite.tasks("dev"), *suite.tasks("test")]
    assert sorted(task.answers for task in tasks) == [("1,018",), ("3.5",)]


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("1018", True),
        ("$1,018.00 in all.", True),
        ("17 + 1001 = 1018", True),
        ("1018 of 1019", False),
        ("-1018", False),
        ("a thousand and eighteen", False),
        ("", False),
    ],
)
def test_the_last_number_counts(tmp_path: Path, answer: str, passed: bool) -> None:
    suite = suite_of(tmp_path, PUBLISHED)
    (task,) = [*suite.tasks("dev"), *suite.tasks("test")]
    with suite.open(task) as episode:
        assert not episode.tools
        assert episode.score(result(answer)).passed is passed


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,000,000.", "1000000"),
        ("3.50 dollars", "3.5"),
        ("minus -4", "-4"),
        (".5", "0.5"),
        ("x", None),
    ],
)
def test_last_number(text: str, number: str | None) -> None:
    assert last_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    "record", [{"input": "How many?", "target": "many"}, {"input": "How many?"}]
)
def test_a_record_without_a_number_is_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="record 1"):
        suite_of(tmp_path, record)
