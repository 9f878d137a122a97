"""The figures of an arm: what it costs, how well it does, and how. Spec: evals ("Figures").

Cost-of-pass v = E[cost] / E[pass] is Erol et al.'s (arXiv 2504.13359), pooled over tasks as in
Efficient Agents (arXiv 2508.02694). Alone it rewards cheap guessing, so the pass rate and the
failure-priced cost stand beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lean_agent.trajectory.metrics import e3
from lean_agent_evals.outcome import Ending, Outcome
from lean_agent_evals.table import AMOUNTS, Array, CostUnit, Sample, TaskTable, paired_tables

__all__ = ["FIGURES", "Summary", "default_failure_cost", "summarise"]

Figure = Callable[[Sample], Array]
"""One number a resample: not a number where it is unknown or means nothing, infinite where nothing
passes."""

_FAILURES_TO_AN_AGENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One arm's figures. ``unit`` is what costs are in; ``figures`` has None for what is unknown.

    ``attempts`` is every attempt; ``endings`` says how they ended. Those that an infrastructure
    failure ended are in no figure, and a task with no other attempt is not among ``tasks``.
    """

    unit: CostUnit
    tasks: int
    attempts: int
    endings: Mapping[Ending, int]
    figures: Mapping[str, float | None]


def summarise(
    outcomes: Sequence[Outcome], *, unit: CostUnit, failure_cost: float | None = None
) -> Summary:
    """Every figure of one arm. ``failure_cost`` is the price of an unsolved task, in the unit.

    Raises:
        ConfigurationError: US dollars are asked for and some attempts have no price in them.
    """
    table = paired_tables({"": outcomes}, unit=unit, failure_cost=failure_cost)[""]
    figures = dict.fromkeys(FIGURES) if not table.tasks else _figures(table)
    return Summary(
        unit=unit,
        tasks=len(table.tasks),
        attempts=len(outcomes),
        endings=Counter(o.ending for o in outcomes),
        figures=figures,
    )


def default_failure_cost(always_agent: Sequence[Outcome], *, unit: CostUnit) -> float | None:
    """The price of an unsolved task where the user names none: ten times what an attempt in agent
    mode costs. None where that is unknown.
    """
    cost = summarise(always_agent, unit=unit).figures["cost"]
    return None if cost is None else _FAILURES_TO_AN_AGENT * cost


def _figures(table: TaskTable) -> dict[str, float | None]:
    sample = Sample(table, np.ones((1, len(table.tasks))))
    return {name: _known(compute(sample)[0]) for name, compute in FIGURES.items()}


def _known(value: float) -> float | None:
    """A figure as a number, or None where it is none."""
    return None if math.isnan(value) else float(value)


def _per(total: Array, count: Array) -> Array:
    """An average over what ``count`` counts; not a number where that is nothing."""
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _mean(column: str) -> Figure:
    return lambda sample: sample.mean(column)


def _mean_over(column: str, count: str) -> Figure:
    return lambda sample: _per(sample.mean(column), sample.mean(count))


def _cost_of_pass(sample: Sample) -> Array:
    passed = sample.mean("passed")
    price = _per(sample.mean("cost"), passed)
    return np.where(passed > 0, price, np.inf)


def _frontier(sample: Sample) -> Array:
    return np.where(sample.mean("unsolved") > 0, np.inf, sample.mean("frontier"))


def _e3(sample: Sample) -> Array:
    return np.vectorize(e3, otypes=[float])(sample.mean("passed"), sample.mean("T"))


FIGURES: Final[Mapping[str, Figure]] = {
    "pass_rate": _mean("passed"),
    "score": _mean("score"),
    "cost": _mean("cost"),
    "cost_of_pass": _cost_of_pass,
    "frontier_cost_of_pass": _frontier,
    "failure_priced_cost": lambda sample: sample.mean("cost") + sample.mean("of failures"),
    **{f"{name}@All": _mean(name) for name in AMOUNTS},
    **{f"{name}@Succ": _mean_over(f"{name} passed", "passed") for name in AMOUNTS},
    "S_p95": lambda sample: sample.quantile("S", 0.95),
    "E3": _e3,
    "ISR": _mean_over("isr", "seeks"),
    "ISE": _mean_over("ise", "seeks"),
    "ISE_as_published": _mean_over("ise_as_published", "seeks"),
    "needless_tool_rate": _mean_over("needless", "needs_none"),
    "seconds": _mean("seconds"),
    "seconds_p50": lambda sample: sample.quantile("seconds", 0.5),
    "seconds_p95": lambda sample: sample.quantile("seconds", 0.95),
    "flops": _mean("flops"),
    "judge_cost": _mean("judge"),
}
"""Every figure by its name.

cost: of an attempt. frontier_cost_of_pass: the mean over tasks of what a pass of that task costs,
at most the price of an unsolved one. failure_priced_cost: E[cost] + (1 - pass) x that price.
T and S are DEPO's (arXiv 2511.15392): tokens written and steps, of all attempts and of passed ones;
uncached and cached are tokens read. E3, ISR and ISE: lean_agent/trajectory/metrics.py, the last two
over tasks with required entities. needless_tool_rate: of attempts at tasks that need no tool, the
share that called one. Seconds and steps have percentiles over attempts.
"""
