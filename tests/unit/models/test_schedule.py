"""The order of those that wait for a slot: hand-computed cases, and that nobody starves."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from lean_agent.models.schedule import LEVELS, Claim, levels, order


def claim(retrievals: int = 0, began: float = 0.0, context: int = 0, since: float = 0.0) -> Claim:
    return Claim(retrievals=retrievals, began=began, context=context, since=since)


def test_a_level_is_reached_by_exceeding_its_threshold_not_by_meeting_it() -> None:
    # Thresholds of 0 to 6 retrievals are 0, 1, 2, 3, 4, 5.
    assert levels([claim(retrievals=r) for r in range(7)], now=0.0) == [0, 0, 1, 2, 3, 4, 5]


def test_thresholds_lie_between_the_least_and_the_most() -> None:
    # Contexts of 100 to 700: 100, 200, ... 600. Waits of 10 to 40 s: 10, 15, ... 35.
    assert levels([claim(context=c) for c in (100, 201, 450, 600, 700)], 0.0) == [0, 1, 3, 4, 5]
    assert levels([claim(began=-w) for w in (10, 15.1, 30, 40)], 0.0) == [0, 1, 3, 5]


def test_the_highest_of_the_three_measures_counts() -> None:
    waiting = [
        claim(retrievals=2, began=90, context=100),  # most retrievals: 5
        claim(retrievals=0, began=50, context=100),  # longest under way: 5
        claim(retrievals=0, began=100, context=400),  # longest context: 5
        claim(retrievals=1, began=85, context=200),  # 1 > 5/6 (2), 15 > 8.3 (1), 200 > 150 (1)
        claim(retrievals=0, began=100, context=100),
    ]
    assert levels(waiting, now=100.0) == [5, 5, 5, 2, 0]


def test_within_a_level_who_has_waited_longest_is_first() -> None:
    waiting = [
        claim(retrievals=0, since=1),
        claim(retrievals=3, since=9),
        claim(retrievals=3, since=7),
        claim(retrievals=0, since=0),
    ]
    assert order(waiting, now=10.0) == [2, 1, 3, 0]


def test_nobody_or_one_who_waits_is_in_level_0() -> None:
    assert levels([], now=1.0) == [] == order([], now=1.0)
    assert levels([claim(retrievals=7, began=-9, context=99)], now=1.0) == [0]


counts = st.integers(0, 1000)
seconds = st.floats(0, 1e6)
claims = st.lists(st.builds(claim, counts, seconds, counts, seconds), max_size=12)


@given(claims)
def test_levels_are_in_range_and_more_is_never_less_urgent(waiting: list[Claim]) -> None:
    found = levels(waiting, now=2e6)
    assert all(0 <= level < LEVELS for level in found)
    for a, one in zip(found, waiting, strict=True):
        for b, other in zip(found, waiting, strict=True):
            if (
                one.retrievals >= other.retrievals
                and one.began <= other.began
                and one.context >= other.context
            ):
                assert a >= b


@given(claims)
def test_the_order_is_by_level_then_by_wait(waiting: list[Claim]) -> None:
    found = levels(waiting, now=2e6)
    keys = [(-found[i], waiting[i].since) for i in order(waiting, now=2e6)]
    assert keys == sorted(keys)
    assert len(keys) == len(waiting)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20, unique=True))
def test_without_runs_it_is_first_come_first_served(arrivals: list[float]) -> None:
    waiting = [claim(began=at, since=at) for at in arrivals]
    served = [arrivals[i] for i in order(waiting, now=2e6)]
    assert served == sorted(arrivals)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(counts, st.integers(0, 100), counts, st.integers(0, 100)), max_size=8),
    st.integers(0, 50),
    st.integers(1, 1000),
    st.integers(1, 1000),
)
def test_nobody_starves_however_urgent_those_are_that_keep_coming(
    earlier: list[tuple[int, int, int, int]], since: int, retrievals: int, context: int
) -> None:
    """One slot, one call a second, and each second a new run with more of everything but age."""
    mine = claim(began=0.0, since=float(since))
    waiting = [mine, *(claim(r, float(b), c, float(s)) for r, b, c, s in earlier)]
    now = 100.0
    for _ in range(len(earlier) + 2):
        now += 1
        waiting.append(claim(retrievals, now, context, now))
        served = waiting.pop(order(waiting, now)[0])
        if served is mine:
            return
    raise AssertionError("it was passed over more often than there were others before it")
