from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent_evals.non_inferiority import non_inferiority
from lean_agent_evals.table import Array


def changes(gained: int, lost: int, of: int) -> Array:
    return np.array([1.0] * gained + [-1.0] * lost + [0.0] * (of - gained - lost))


def closed_form(gained: float, lost: float, n: int) -> tuple[float, float]:
    """Tango's bounds as the outer roots of a polynomial (Yang, Sun and Hardin, 2012)."""
    g = NormalDist().inv_cdf(0.95) ** 2
    d, s = gained - lost, gained + lost
    roots = np.roots(
        [
            n**2 * (n / g + 1) ** 2,
            -n * d * (n / g + 1) * (4 * n / g + 1),
            2 * n * d**2 * (3 * n / g + 2) / g - n**2 * (s / g + 1),
            n * d * (2 * s / g + 1) - d**3 * (4 * n / g + 1) / g,
            d**2 * (d**2 / g - s) / g,
        ]
    )
    return float(roots.real.min()), float(roots.real.max())


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
def test_the_bounds_are_those_of_the_closed_form(gained: int, lost: int, same: int) -> None:
    n = gained + lost + same
    found = non_inferiority(changes(gained, lost, n))
    assert found.difference == pytest.approx((gained - lost) / n)
    assert (found.low, found.high) == pytest.approx(closed_form(gained, lost, n), abs=1e-6)


def test_the_sides_are_alike() -> None:
    there, back = non_inferiority(changes(7, 2, 30)), non_inferiority(changes(2, 7, 30))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (changes(0, 0, 3), "unclear"),  # agreement on three tasks proves little
        (changes(0, 0, 50), "unclear"),
        (changes(0, 0, 55), "held"),
        (changes(0, 4, 200), "held"),
        (changes(0, 10, 200), "lost"),  # 5 % in every case
        (changes(0, 1, 10), "unclear"),
        (changes(0, 5, 5), "lost"),
        (changes(0, 1, 1), "unclear"),  # so does one loss on one
        (changes(1, 0, 1), "unclear"),
    ],
)
def test_verdicts_at_five_percent(differences: Array, verdict: str) -> None:
    assert non_inferiority(differences, 0.05).verdict == verdict


def test_a_wider_margin_holds_sooner() -> None:
    differences = changes(2, 4, 60)
    assert non_inferiority(differences, 0.05).verdict == "unclear"
    assert non_inferiority(differences, 0.15).verdict == "held"


def test_tasks_that_changed_in_part_count_in_part() -> None:
    parts = non_inferiority(np.array([0.5, 0.5, -0.5, -0.25, -0.25, 0.0, 0.0, 0.0]))
    whole = non_inferiority(changes(1, 1, 8))
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high))


@pytest.mark.parametrize("tasks", [50, 200])
@pytest.mark.parametrize("changing", [0.05, 0.1, 0.4])
def test_an_arm_that_lost_the_whole_margin_is_rarely_said_to_have_held(
    tasks: int, changing: float
) -> None:
    """5 % of 4,000 simulated comparisons, and three standard errors."""
    margin, runs = 0.05, 4_000
    chances = [(changing - margin) / 2, (changing + margin) / 2, 1 - changing]
    drawn = np.random.default_rng(0).multinomial(tasks, chances, size=runs)
    found, times = np.unique(drawn, axis=0, return_counts=True)
    held = sum(
        count
        for (gained, lost, _), count in zip(found.tolist(), times.tolist(), strict=True)
        if non_inferiority(changes(gained, lost, tasks), margin).verdict == "held"
    )
    assert held / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
