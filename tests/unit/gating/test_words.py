"""What a task's words ask for, and how long it takes to see that."""

from __future__ import annotations

import time

import pytest

from lean_agent.gating.words import CHAT, MADE_UP, PATTERNS, names, quantities


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        ("What is 1,200.5 * 3?", True),
        ("What is 7., plus 8?", True),
        ("12345678 divided by (4)", True),
        ("Between 1999 and 2004", False),
        ("item 3, item 4.", False),
    ],
)
def test_arithmetic_is_a_number_an_operator_and_a_number(task: str, asked: bool) -> None:
    assert bool(PATTERNS["arithmetic"].search(task)) is asked


@pytest.mark.parametrize(
    "unit", ["1", "1,", "1 ", "1.5\n", "compute ", "sum of ", "A1", " ", "each "]
)
def test_a_file_pasted_into_a_task_is_looked_at_in_no_time(unit: str) -> None:
    task = unit * (10_000 // len(unit))
    began = time.process_time()
    for pattern in PATTERNS.values():
        pattern.search(task)
    for look in (CHAT.match, MADE_UP.match, names, quantities):
        look(task)
    assert time.process_time() - began < 1
