"""Each row is computed by hand from question_scorer in the GAIA leaderboard's scorer.py
(https://huggingface.co/spaces/gaia-benchmark/leaderboard)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent_evals.scoring import exact_score, matches


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        # A gold number: $ % and commas are taken from the answer, then both are floats.
        ("42", "42", True),
        ("42", " 42.0\n", True),
        ("42", "$42", True),
        ("42", "42%", True),
        ("1234.5", "1,234.5", True),
        ("1234", "1,2,3,4", True),
        ("-3", "-3.00", True),
        ("1000", "1e3", True),
        ("42", "42.001", False),
        ("42", "The answer is 42.", False),
        ("42", "42 km", False),
        ("42", "€42", False),
        ("42", "forty-two", False),
        ("42", "42.", True),
        ("42", "", False),
        ("0", "", False),
        ("nan", "nan", False),
        # A gold text: no case, no space, no ASCII punctuation.
        ("seagull", "Sea gull", True),
        ("St. Petersburg", "st petersburg", True),
        ("Ilva Tarsom", "  ilva\ttarsom. ", True),
        ("right", '"Right"', True),
        ("1871-03-14", "18710314", True),
        ("Saint Petersburg", "St. Petersburg", False),
        ("Tarsom", "It is Tarsom", False),
        ("café", "cafe", False),
        ("Tarsom", "“Tarsom”", False),
        ("Tarsom", "", False),
        # Units stand in the gold answer, so it is text, and $ is punctuation.
        ("$1234", "1234", True),
        # A gold list: split at , and ; each element in its place, punctuation kept.
        ("a, b, c", "a,b,c", True),
        ("a; b", "A , B", True),
        ("3, 4.5", "3.0;4.50", True),
        ("10%, b", "10, b", False),
        ("10, b", "10%, b", True),
        ("a, b", "b, a", False),
        ("a, b", "a, b, c", False),
        ("a, b", "a, b,", False),
        ("a, b", "a b", False),
        ("x-ray, b", "xray, b", False),
        ("a, b", "a, b.", False),
        # A gold number written with a comma is no float, so it is a list of two.
        ("1,234", "1,234", True),
        ("1,234", "1234", False),
    ],
)
def test_the_official_rule(gold: str, answer: str, right: bool) -> None:
    assert matches(answer, gold) is right


def test_an_answer_that_is_no_number_is_not_infinity() -> None:
    """The official scorer reads every unreadable answer as infinity."""
    assert not matches("no idea", "inf")
    assert matches("inf", "inf")


def test_any_of_the_gold_answers_will_do() -> None:
    right = exact_score("Au", ["gold", "au"])
    assert (right.value, right.passed, right.detail) == (1.0, True, "")


def test_a_wrong_answer_says_what_was_wanted_in_one_line() -> None:
    wrong = exact_score("I think\nit is 41", ["42", "43"])
    assert (wrong.value, wrong.passed) == (0.0, False)
    assert wrong.detail == "gold: 42 | 43; given: I think it is 41"
    assert exact_score("", ["42"]).detail.endswith("given: (nothing)")
    assert len(exact_score("x" * 5_000, ["42"]).detail) < 200


def test_without_a_gold_answer_nothing_is_right() -> None:
    assert not exact_score("", []).passed


@given(st.text())
def test_every_text_but_a_nan_matches_itself(text: str) -> None:
    assert matches(text, text) or text.strip().lower().lstrip("+-") == "nan"


@given(st.text(), st.text())
def test_no_text_breaks_the_scorer(answer: str, gold: str) -> None:
    assert matches(answer, gold) in {True, False}
