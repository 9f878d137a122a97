"""Each row is computed by hand from hotpot_evaluate_v1.py (https://github.com/hotpotqa/hotpot)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent_evals.short_answers import exact_match, f1, normalised


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The Beatles", "beatles"),
        ("  an   apple, a day! ", "apple day"),
        ("U.S.A.", "usa"),
        ("Jay-Z", "jayz"),
        ("Anna and Theo", "anna and theo"),
        ("Émile Zola", "émile zola"),
        ("“Ulysses”", "“ulysses”"),
        ("the", ""),
    ],
)
def test_case_punctuation_articles_and_space_go(text: str, same: str) -> None:
    assert normalised(text) == same


@pytest.mark.parametrize(
    ("answer", "gold", "exact", "overlap"),
    [
        ("The spirit", "a spirit", True, 1.0),
        ("a bad spirit", "spirit", False, 2 * 0.5 * 1 / 1.5),
        ("Paris, France", "Paris France", True, 1.0),
        ("France Paris", "Paris France", False, 1.0),
        ("New York New York", "New York City", False, 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),
        ("Yes.", "yes", True, 1.0),
        ("yes it is", "yes", False, 0.0),
        ("no", "no man", False, 0.0),
        ("London", "Paris", False, 0.0),
        ("", "Paris", False, 0.0),
        ("", "The", False, 0.0),
    ],
)
def test_exact_match_and_f1(answer: str, gold: str, exact: bool, overlap: float) -> None:
    assert exact_match(answer, gold) is exact
    assert f1(answer, gold) == pytest.approx(overlap)


@given(st.text(max_size=40), st.text(max_size=40))
def test_f1_is_a_share_and_alike_from_both_sides(one: str, other: str) -> None:
    assert 0 <= f1(one, other) <= 1
    assert f1(one, other) == pytest.approx(f1(other, one))
    if exact_match(one, other):
        assert f1(one, other) == pytest.approx(1)
