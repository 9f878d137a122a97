"""Two arms on the same tasks: what changed, how sure that is, and whether it may be merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lean_agent_evals.bootstrap import Bootstrap, Estimate
from lean_agent_evals.figures import FIGURES, summarise
from lean_agent_evals.non_inferiority import MARGIN, NonInferiority, non_inferiority
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.table import CostUnit

__all__ = ["Change", "Comparison", "GateDecision", "above_floor", "compare", "gate"]

_GATED = ("pass_rate", "cost", "cost_of_pass", "S_p95")


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of both arms, new minus old and new over old."""

    new: Estimate
    old: Estimate
    difference: Estimate
    ratio: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """New against old, over the ``tasks`` that count in both.

    ``dominates`` is the probability that new is no worse in pass rate and cost and better in one,
    ``dominated`` that old is. A task counts as passed if at least half its attempts passed.
    """

    unit: CostUnit
    tasks: int
    figures: Mapping[str, Change]
    pass_rate: NonInferiority
    dominates: float | None
    dominated: float | None
    newly_passed: tuple[str, ...]
    newly_failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """Whether a change may pass, and why, a line a reason."""

    verdict: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...]
    comparison: Comparison


def above_floor(
    arms: Mapping[str, Sequence[Outcome]], floor: float
) -> dict[str, Sequence[Outcome]]:
    """The arms whose pass rate is at least ``floor``, a share of 1: the others do not compare."""
    rates = {
        arm: summarise(found, unit="token_units").figures["pass_rate"]
        for arm, found in arms.items()
    }
    return {arm: found for arm, found in arms.items() if (rates[arm] or 0.0) >= floor}


def compare(
    new: Sequence[Outcome],
    old: Sequence[Outcome],
    *,
    unit: CostUnit,
    failure_cost: float | None = None,
    margin: float = MARGIN,
    figures: Sequence[str] = tuple(FIGURES),
    seed: int = 0,
) -> Comparison:
    """Paired differences and ratios of the figures, and the tasks that changed.

    Raises:
        ConfigurationError: the arms were not given the same tasks, no task counts in both, or US
            dollars are asked for and some attempts have no price in them.
    """
    arms = {"new": new, "old": old}
    bootstrap = Bootstrap(
        arms,
        unit=unit,
        failure_cost=failure_cost,
        figures={*figures, "pass_rate", "cost"},
        seed=seed,
    )
    passed, before = (bootstrap.tables[arm].columns["passed"] for arm in arms)
    return Comparison(
        unit=unit,
        tasks=len(bootstrap.tasks),
        figures={
            name: Change(
                bootstrap.figure("new", name),
                bootstrap.figure("old", name),
                bootstrap.difference("new", "old", name),
                bootstrap.ratio("new", "old", name),
            )
            for name in figures
        },
        pass_rate=non_inferiority(passed - before, margin),
        dominates=bootstrap.dominance("new", "old"),
        dominated=bootstrap.dominance("old", "new"),
        newly_passed=_named(bootstrap.tasks, (passed >= 0.5) & (before < 0.5)),
        newly_failed=_named(bootstrap.tasks, (passed < 0.5) & (before >= 0.5)),
    )


def gate(
    new: Sequence[Outcome],
    old: Sequence[Outcome],
    *,
    unit: CostUnit,
    margin: float = MARGIN,
    seed: int = 0,
) -> GateDecision:
    """Whether ``new`` may replace ``old``.

    It fails if accuracy was lost, or if accuracy held and cost-of-pass or the 95th percentile of
    steps rose: its 95 % interval lies above no change. It is inconclusive where accuracy is unclear
    or a cost is unknown.

    Raises:
        ConfigurationError: as for ``compare``.
    """
    found = compare(new, old, unit=unit, margin=margin, figures=_GATED, seed=seed)
    held = found.pass_rate
    accuracy = (
        f"the pass rate changed by {held.difference:+.1%} "
        f"({held.low:+.1%} to {held.high:+.1%}, {margin:.0%} may be lost)"
    )
    if held.verdict == "lost":
        return _decision("fail", found, f"accuracy was lost: {accuracy}")
    if held.verdict == "unclear":
        return _decision("inconclusive", found, f"too few tasks to tell: {accuracy}")
    price, steps = found.figures["cost_of_pass"], found.figures["S_p95"]
    worse: list[str] = []
    if price.ratio.low is not None and price.ratio.low > 1:
        worse.append(f"cost-of-pass is {_shown(price.ratio, '.2f')} times what it was")
    if steps.difference.low is not None and steps.difference.low > 0:
        worse.append(f"the 95th percentile of steps rose by {_shown(steps.difference, '.0f')}")
    if worse:
        return _decision("fail", found, *worse, f"accuracy held: {accuracy}")
    if price.ratio.value is None:
        return _decision("inconclusive", found, "cost-of-pass cannot be compared", accuracy)
    return _decision("pass", found, f"accuracy held: {accuracy}")


def _decision(
    verdict: Literal["pass", "fail", "inconclusive"], found: Comparison, *reasons: str
) -> GateDecision:
    return GateDecision(verdict=verdict, reasons=reasons, comparison=found)


def _shown(estimate: Estimate, form: str) -> str:
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


def _named(tasks: Sequence[str], chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(task for task, picked in zip(tasks, chosen, strict=True) if picked)
