"""Shares of a token budget, against numbers worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lean_agent_planners.allocation import Schedule, allocate, weights

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
CREDITS = st.lists(st.floats(0.01, 100), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("constant", [113, 113, 112, 112]),
        ("linear", [180, 135, 90, 45]),
        ("polynomial", [240, 135, 60, 15]),
        ("exponential", [131, 118, 106, 95]),
        ("cosine", [207, 160, 65, 18]),
    ],
)
def test_four_equal_parts_of_450(schedule: Schedule, shares: list[int]) -> None:
    assert allocate([25, 25, 25, 25], 450, schedule) == shares


def test_front_loading_overrides_credit() -> None:
    assert allocate([20, 80], 450, "cosine") == [330, 120]
    assert allocate([20, 80], 450) == [90, 360]


def test_least_is_every_parts_before_the_rest_is_shared() -> None:
    assert allocate([10, 90], 100, least=20) == [26, 74]
    assert allocate([1, 99], 41, least=24) == [21, 20]
    assert allocate([1, 1, 1], 2, least=24) == [1, 1, 0]


def test_one_part_has_it_all_and_weighs_one() -> None:
    for schedule in SCHEDULES:
        assert allocate([7], 99, schedule) == [99]
    assert weights("cosine", 1) == [1.0]


@given(CREDITS, st.integers(0, 5_000), st.sampled_from(SCHEDULES), st.integers(0, 50))
def test_nothing_is_lost_and_nobody_starves(
    credit: list[float], total: int, schedule: Schedule, least: int
) -> None:
    shares = allocate(credit, total, schedule, least=least)
    assert sum(shares) == total
    assert min(shares) >= min(least, total // len(credit))


@example([34.989910892876324] * 4, 5_000, "polynomial")  # 1,500 and what is left over
@given(CREDITS, st.integers(0, 5_000), st.sampled_from(SCHEDULES))
def test_each_share_is_the_exact_one_rounded(
    credit: list[float], total: int, schedule: Schedule
) -> None:
    weighed = zip(credit, weights(schedule, len(credit)), strict=True)
    wanted = [Fraction(c) * Fraction(w) for c, w in weighed]  # floats miss whole shares by a hair
    for share, part in zip(allocate(credit, total, schedule), wanted, strict=True):
        exact = total * part / sum(wanted)
        assert exact - 1 < share <= exact + 1
