"""Against scipy's bootstrap and numpy's weighted quantiles, which draw and count on their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from support.outcomes import outcome

from lean_agent import Usage
from lean_agent_evals.bootstrap import Bootstrap, draws
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.table import Array, Sample, paired_tables

TASKS = 40
RESAMPLES = 10_000


def simulated(seed: int, pass_rate: float, *, epochs: int = 1) -> list[Outcome]:
    rng = np.random.default_rng(seed)
    return [
        outcome(
            f"t{task:03}",
            passed=bool(rng.random() < pass_rate),
            epoch=epoch,
            seconds=float(rng.lognormal(2, 1)),
            steps=int(rng.integers(1, 12)),
            usage=Usage(
                output_tokens=int(rng.integers(10, 900)),
                cost=Decimal(repr(round(rng.lognormal(-3, 1), 6))),
            ),
        )
        for task in range(TASKS)
        for epoch in range(epochs)
    ]


ARMS = {"new": simulated(1, 0.6), "old": simulated(2, 0.4)}


def columns(arm: str) -> list[Array]:
    found = ARMS[arm]
    return [
        np.array([float(o.passed) for o in found]),
        np.array([float(o.usage.cost or 0) for o in found]),
        np.array([float(o.usage.output_tokens) for o in found]),
    ]


def cost_of_pass(passed: Array, cost: Array, axis: int = -1) -> Array:
    return cost.mean(axis) / passed.mean(axis)


def cost_of_pass_ratio(
    passed: Array, cost: Array, old_passed: Array, old_cost: Array, axis: int = -1
) -> Array:
    return cost_of_pass(passed, cost, axis) / cost_of_pass(old_passed, old_cost, axis)


def pass_rate_difference(passed: Array, old_passed: Array, axis: int = -1) -> Array:
    return passed.mean(axis) - old_passed.mean(axis)


def tokens_of_passed(passed: Array, tokens: Array, axis: int = -1) -> Array:
    return (passed * tokens).sum(axis) / passed.sum(axis)


def reference(data: list[Array], statistic: Any, seed: int) -> Any:
    stats = pytest.importorskip("scipy.stats")
    return stats.bootstrap(
        data,
        statistic,
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )


@pytest.mark.slow
def test_intervals_are_scipys_for_the_same_draws() -> None:
    """The same generator draws the same tasks, so that only rounding and the interpolation between
    two neighbours among 10,000 resamples may differ."""
    found = Bootstrap(ARMS, unit="usd", resamples=RESAMPLES, seed=5)
    (passed, cost, tokens), (old_passed, old_cost, _) = columns("new"), columns("old")
    cases = [
        (found.figure("new", "pass_rate"), [passed], np.mean),
        (found.figure("new", "cost_of_pass"), [passed, cost], cost_of_pass),
        (found.figure("new", "T@Succ"), [passed, tokens], tokens_of_passed),
        (
            found.ratio("new", "old", "cost_of_pass"),
            [passed, cost, old_passed, old_cost],
            cost_of_pass_ratio,
        ),
        (
            found.difference("new", "old", "pass_rate"),
            [passed, old_passed],
            pass_rate_difference,
        ),
    ]
    for ours, data, statistic in cases:
        theirs = reference(data, statistic, seed=5).confidence_interval
        assert ours.low == pytest.approx(theirs.low, rel=2e-3)
        assert ours.high == pytest.approx(theirs.high, rel=2e-3)


@pytest.mark.slow
def test_each_resample_is_scipys() -> None:
    passed, cost, _ = columns("new")
    theirs = reference([passed, cost], cost_of_pass, seed=7).bootstrap_distribution
    drawn = np.concatenate(list(draws(TASKS, RESAMPLES, seed=7)))
    np.testing.assert_allclose((drawn @ cost) / (drawn @ passed), theirs, rtol=1e-12)


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_resampled_percentiles_are_numpys_weighted_ones(epochs: int, share: float) -> None:
    outcomes = simulated(3, 0.5, epochs=epochs)
    table = paired_tables({"": outcomes}, unit="usd")[""]
    drawn = np.concatenate(list(draws(TASKS, 200, seed=1)))
    found = Sample(table, drawn).quantile("seconds", share)
    seconds = np.array([o.seconds for o in outcomes])
    expected = [
        np.quantile(seconds, share, weights=np.repeat(weights, epochs), method="inverted_cdf")
        for weights in drawn
    ]
    np.testing.assert_array_equal(found, expected)
