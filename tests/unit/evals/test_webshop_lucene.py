"""Which text comes first, by hand, and what Lucene counts as a word. Recordings do the rest."""

from __future__ import annotations

import pytest

from lean_agent_evals.suites.webshop_like.lucene import LuceneIndex


def index(*texts: str) -> LuceneIndex:
    return LuceneIndex([(str(number), text) for number, text in enumerate(texts)])


def test_scores_follow_the_formula() -> None:
    """Twice in 20 words beats once in 4, which is so with b = 0.4 and not with the usual 0.75."""

    def tf(times: int, length: int, b: float) -> float:
        return times / (times + 0.9 * (1 - b + b * length / 12))

    assert tf(2, 20, 0.4) > tf(1, 4, 0.4)
    assert tf(2, 20, 0.75) < tf(1, 4, 0.75)
    assert index("mug mug " + "x " * 18, "mug " + "x " * 3).search("mugs", 2) == ["0", "1"]


def test_of_equal_scores_the_name_that_sorts_first_wins() -> None:
    same = LuceneIndex([("b", "red mug"), ("c", "red mug"), ("a", "red mug")])
    assert same.search("mug", 3) == ["a", "b", "c"]
    assert same.search("mug", 2) == ["a", "b"]


def test_long_lengths_are_rounded() -> None:
    """40 and 41 words are one length to Lucene, 39 and 42 are others."""
    filled = {words: "mug " + "x " * (words - 1) for words in (39, 40, 41, 42)}
    found = LuceneIndex([(str(-words), text) for words, text in filled.items()])
    assert found.search("mug", 4) == ["-39", "-40", "-41", "-42"]
    turned = LuceneIndex([(str(100 - words), text) for words, text in filled.items()])
    assert turned.search("mug", 4) == ["61", "59", "60", "58"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Women's shoes", "women shoe"),
        ("Running", "runs"),
        ("size 2.5oz", "2.5OZ"),
        ("t-shirt", "shirt"),
        ("material:cotton", "material:cotton"),
        ("锅巴", "巴"),
        ("❤️ heart", "❤"),
        ("new_style", "new_style"),
    ],
)
def test_found(text: str, query: str) -> None:
    assert index(text, "something else").search(query, 5) == ["0"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("the mug", "the"),
        ("size 2.5oz", "2"),
        ("material:cotton", "cotton"),
        ("new_style", "style"),
        ("mug", ""),
        ("mug", "?! \ud800"),
        ("", "mug"),
    ],
)
def test_not_found(text: str, query: str) -> None:
    assert index(text, "something else").search(query, 5) == []


def test_an_empty_index_finds_nothing() -> None:
    assert LuceneIndex([]).search("mug", 5) == []
