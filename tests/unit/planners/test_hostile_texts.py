"""Texts of strangers, as in a file beside a task, are refused by every domain, and quickly."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import InvalidPlanError, Plan
from lean_agent_planners.domain_planner import domain_planner
from lean_agent_planners.library import domain_names, load_domain

_BLOCKS = 30_000
_TOWER = " ".join(f"(on b{n} b{n + 1})" for n in range(_BLOCKS - 1))
TEXTS = {
    "deep JSON": "[" * 200_000,
    "deep crossword": '{"down": [], "across": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep PDDL": "(define (:objects a) (:goal) (:init " + "(" * 200_000 + ")" * 200_000 + "))",
    "long number": "(define (at player pos-1-" + "1" * 100_000 + "))",
    "long name": "(define (move-dir " + "a" * 500_000 + " pos-1-1))",
    "tall tower": (
        f"(define (problem x) (:objects {' '.join(f'b{n}' for n in range(_BLOCKS))})"
        f" (:init (handempty) (clear b0) (ontable b{_BLOCKS - 1}) {_TOWER}) (:goal (clear b0)))"
    ),
    "numbers": "1 " * 400_000,
    "commas": "4,6,8," + " " * 400_000 + "10",
    "drawing": "#" * 900_000,
    "sentences": "Each a is b. " * 60_000 + "True or false: a is b.",
    "dots": "." * 500_000 + " " * 300_000 + "True or false: a is b",
    "surrogate": "4 6 8 \ud83d",
}


@pytest.mark.parametrize("name", TEXTS)
def test_each_domain_reads_it_or_refuses_it(name: str) -> None:
    began = time.process_time()
    for domain in map(load_domain, domain_names()):
        told = ""
        try:
            domain.encode(TEXTS[name])
        except ConfigurationError as error:
            told = error.message
        assert len(told) < 300
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", TEXTS)
def test_a_task_of_it_is_recognised_or_not(name: str, tmp_path: Path) -> None:
    file = tmp_path / "puzzle.txt"
    file.write_text(TEXTS[name], encoding="utf-8", errors="replace")
    began = time.process_time()
    domain_planner.recognise("Solve the puzzle in the file.", [file])
    for forced in (False, True):
        domain_planner.recognise(f"Solve this: {TEXTS[name][:29_000]}", forced=forced)
    assert time.process_time() - began < 5


JUNK: list[Any] = [
    None, True, 0, -1.5, 10**3_000, "", "ab", [], {}, [[]], [None], [[1, "a"]], {"on": 3},
    {"at-player": ["a", "b"], "at-stone": [[1, 3]]}, {"at-player": [1, 2], "at-stone": 7},
    {"clear": [1, "a"], "on-table": [[]], "on": [["a"]], "holding": {}, "arm-empty": []},
    ["agend", 7], ["agend", "motor", "artsy", "salle", "sleer", "x"], [10**3_000, 1.5],
    [[0] * 5] * 5,
]  # fmt: skip


@pytest.mark.parametrize("name", domain_names())
def test_a_plan_of_junk_is_wrong_and_no_fault_of_ours(name: str) -> None:
    domain = load_domain(name)
    start = domain.encode(domain.solved).start
    for junk in JUNK:
        for states in ((junk,), (start, junk), (start, junk, start)):
            with pytest.raises(InvalidPlanError):
                domain.validate(domain.solved, Plan(states))


@pytest.mark.parametrize("name", domain_names())
def test_an_answer_of_junk_is_wrong_and_quickly_so(name: str) -> None:
    domain = load_domain(name)
    assert domain.check_answer is not None
    began = time.process_time()
    for text in (*TEXTS.values(), "Answer: " + "9" * 10_000, "u" * 50_000, "(stack a b)" * 5_000,
                 "Answer: 9**9**9**9", "Answer: " + "(" * 90 + "1", "Answer: \ud83d", "\0",
                 "\n" * 20_000 + "x", r"\boxed{" * 2_500):  # fmt: skip
        with pytest.raises(InvalidPlanError):
            domain.check_answer(domain.solved, text)
    assert time.process_time() - began < 10
