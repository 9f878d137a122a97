"""Paired bootstrap over tasks: how sure a figure, and a difference between two arms, is.

Tasks are what a suite is a sample of, so tasks are drawn, each with all its attempts, and the same
draw serves every arm: a hard task is hard for both, and that cancels in a comparison (Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993).

Intervals are percentile intervals. BCa was measured against them on simulated suites of 20, 50 and
150 tasks (pass rates of 20 to 90 %, log-normal costs, 400 suites each): for cost-of-pass, its ratio
and the difference of pass rates, 95 % intervals held the truth in 87 to 95 % by percentile and in
85 to 97 % by BCa, neither better throughout. Where little passes BCa has none at all (8 % of suites
of 20 tasks): leaving one task out makes a cost-of-pass infinite.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lean_agent import ConfigurationError
from lean_agent_evals.figures import FIGURES
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.table import Array, CostUnit, Sample, paired_tables

__all__ = ["RESAMPLES", "Bootstrap", "Estimate", "draws"]

RESAMPLES = 10_000
_LEVEL = 0.95
_BATCH = 200
"""Resamples at a time, which bounds the memory for many tasks."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval. None is unknown; a value may be infinite."""

    value: float | None
    low: float | None
    high: float | None


class Bootstrap:
    """Resamples of the tasks that count in every arm.

    Raises:
        ConfigurationError: the arms were not given the same tasks, no task counts in every arm, or
            US dollars are asked for and some attempts have no price in them.
    """

    def __init__(
        self,
        arms: Mapping[str, Sequence[Outcome]],
        *,
        unit: CostUnit,
        failure_cost: float | None = None,
        figures: Collection[str] = tuple(FIGURES),
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        figures = {*figures, "pass_rate", "cost"}
        self._failure_cost = failure_cost
        self.tables = tables = paired_tables(arms, unit=unit, failure_cost=failure_cost)
        self.tasks = next(iter(tables.values())).tasks
        if not self.tasks:
            raise ConfigurationError(
                "no task has an attempt that counts in every arm",
                hint="look at the infrastructure failures, and run again",
            )
        everything = np.ones((1, len(self.tasks)))
        self._values = {
            arm: _figures(Sample(table, everything), figures) for arm, table in tables.items()
        }
        batches: dict[str, list[dict[str, Array]]] = {arm: [] for arm in tables}
        for weights in draws(len(self.tasks), resamples, seed=seed):
            for arm, table in tables.items():
                batches[arm].append(_figures(Sample(table, weights), figures))
        self._resampled = {
            arm: {name: np.concatenate([batch[name] for batch in found]) for name in figures}
            for arm, found in batches.items()
        }

    def figure(self, arm: str, name: str) -> Estimate:
        """One figure of one arm."""
        value, resampled = self._of(arm, name)
        found = self._estimate(value, resampled)
        passed = self._values[arm]["pass_rate"][0]
        if passed not in {0.0, 1.0} or len(self.tasks) == 1 or found.low is None:
            return found
        low, high = _unanimous(passed, len(self.tasks))
        if name == "pass_rate":
            return Estimate(found.value, low, high)
        # What follows from a pass rate that is less certain than the resamples make it look.
        cost = self._estimate(*self._of(arm, "cost"))
        if cost.low is None or cost.high is None:
            return found
        if name == "cost_of_pass":
            return Estimate(found.value, cost.low / high, cost.high / low if low else math.inf)
        if name == "failure_priced_cost" and self._failure_cost is not None:
            failures = ((1 - high) * self._failure_cost, (1 - low) * self._failure_cost)
            return Estimate(found.value, cost.low + failures[0], cost.high + failures[1])
        return found

    def difference(self, new: str, old: str, name: str) -> Estimate:
        """How much more the new arm has."""
        (value, resampled), (old_value, old_resampled) = self._of(new, name), self._of(old, name)
        with np.errstate(invalid="ignore"):  # two infinite figures have no difference
            return self._estimate(value - old_value, resampled - old_resampled)

    def ratio(self, new: str, old: str, name: str) -> Estimate:
        """How many times as much the new arm has; nothing where both have none or no end."""
        (value, resampled), (old_value, old_resampled) = self._of(new, name), self._of(old, name)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._estimate(value / old_value, resampled / old_resampled)

    def dominance(self, new: str, old: str) -> float | None:
        """How probable it is that the new arm dominates: passes as much, costs no more, and is
        better in one. None where a cost is unknown.
        """
        (_, passed), (_, cost) = self._of(new, "pass_rate"), self._of(new, "cost")
        (_, old_passed), (_, old_cost) = self._of(old, "pass_rate"), self._of(old, "cost")
        if np.isnan(cost).any() or np.isnan(old_cost).any():
            return None
        no_worse = (passed >= old_passed) & (cost <= old_cost)
        return float(np.mean(no_worse & ((passed > old_passed) | (cost < old_cost))))

    def _of(self, arm: str, name: str) -> tuple[np.float64, Array]:
        return self._values[arm][name][0], self._resampled[arm][name]

    def _estimate(self, value: np.float64, resampled: Array) -> Estimate:
        if np.isnan(value):
            return Estimate(None, None, None)
        if len(self.tasks) == 1:
            return Estimate(float(value), None, None)
        return Estimate(float(value), *_percentile_interval(resampled))


def _figures(sample: Sample, names: Collection[str]) -> dict[str, Array]:
    return {name: FIGURES[name](sample) for name in names}


def draws(
    tasks: int, resamples: int, *, seed: int, drawn_tasks: int | None = None
) -> Iterator[Array]:
    """How often each resample holds each task, in batches.

    A resample is of ``drawn_tasks`` tasks, with replacement; as many as there are when None.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        drawn = rng.integers(0, tasks, (size, drawn_tasks or tasks))
        drawn += tasks * np.arange(size)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=size * tasks)
        yield counts.reshape(size, tasks).astype(np.float64)


def _percentile_interval(resampled: Array) -> tuple[float, float]:
    """The middle 95 % of the resamples in which the figure means something.

    An end is a resample's own number, the outer of two: infinite ones cannot be averaged.
    """
    found = np.sort(resampled[~np.isnan(resampled)])
    outside = (1 - _LEVEL) / 2 * (len(found) - 1)
    return float(found[math.floor(outside)]), float(found[-1 - math.floor(outside)])


def _unanimous(pass_rate: float, tasks: int) -> tuple[float, float]:
    """Where all tasks agree every resample does, and says nothing of the tasks that were not drawn:
    the ends of the exact binomial interval instead (Clopper and Pearson, 1934).
    """
    beyond = ((1 - _LEVEL) / 2) ** (1 / tasks)
    return (beyond, 1.0) if pass_rate else (0.0, 1 - beyond)
