from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.names import Namer, first_consonants


def edits(one: str, other: str) -> int:
    """Levenshtein's distance, by the textbook."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def test_words_are_never_near_one_another() -> None:
    words = Namer(Dice("words"), "dev").words(150)
    assert all(re.fullmatch("[A-Z][a-z]{5,8}", word) for word in words)
    for one, other in combinations(map(str.lower, words), 2):
        assert edits(one, other) >= 3
        assert one not in other
        assert other not in one


def test_a_word_too_near_to_an_earlier_one_is_refused() -> None:
    """So many are asked for that chance alone would bring near ones."""
    words = Namer(Dice("many"), "test").words(3_000)
    assert len(set(words)) == len(words)
    shortened = {word[:i] + word[i + 1 :] for word in words for i in range(len(word))}
    assert shortened.isdisjoint(words)


@given(st.integers(0, 2**32), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_no_word_of_one_split_begins_like_one_of_the_other(one: int, other: int) -> None:
    dev = {first_consonants(word) for word in Namer(Dice(one), "dev").words(60)}
    test = {first_consonants(word) for word in Namer(Dice(other), "test").words(60)}
    assert dev.isdisjoint(test)


@given(st.integers(), st.integers(1, 40), st.data())
def test_samples_hold_everything_once(seed: int, size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    found = Dice(seed).sample(range(size), count)
    assert len(set(found)) == count
    assert set(found) <= set(range(size))


def test_every_order_of_three_comes_up_as_often() -> None:
    dice = Dice("orders")
    orders = [tuple(dice.shuffled("abc")) for _ in range(6_000)]
    assert all(900 < orders.count(order) < 1_100 for order in set(orders))
    assert len(set(orders)) == 6
