"""What the report says of the arms, over the tasks that all of them attempted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from lean_agent_evals.bootstrap import Bootstrap, Estimate
from lean_agent_evals.figures import FIGURES, default_failure_cost
from lean_agent_evals.outcome import Ending, Outcome
from lean_agent_evals.report.numbers import in_unit, number
from lean_agent_evals.table import CostUnit, common_unit

__all__ = ["ArmFigures", "Measures", "cost_of", "measure"]

_AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm. ``figures`` is empty where no task counts in every arm.

    ``above_floor`` is whether it compares; ``on_frontier`` whether no other that compares passes as
    much for less, or more for as much.
    """

    name: str
    endings: Mapping[Ending, int]
    figures: Mapping[str, Estimate]
    above_floor: bool
    on_frontier: bool

    def value(self, figure: str) -> float | None:
        """A figure without its interval."""
        found = self.figures.get(figure)
        return found.value if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """All arms, in the order that the configuration names, the others by name.

    ``dominance`` is the probability that the first of two arms dominates the second. ``notices``
    say what a reader must know before believing a figure.
    """

    unit: CostUnit
    arms: Sequence[ArmFigures]
    tasks: int
    quality_floor: float
    failure_cost: float | None
    dominance: Mapping[tuple[str, str], float | None]
    notices: Sequence[str]


def cost_of(outcome: Outcome, unit: CostUnit) -> float | None:
    """What one attempt cost, in the unit; None where nobody knows."""
    if unit == "token_units":
        return outcome.usage.token_units
    return None if outcome.usage.cost is None else float(outcome.usage.cost)


def measure(config: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Measures:
    """Every figure of every arm, with its interval.

    Raises:
        ConfigurationError: the configuration asks for US dollars and some attempts have no price.
    """
    arms = _by_arm(config, outcomes)
    asked = config.get("unit")
    unit = cast("CostUnit", asked) if asked in get_args(CostUnit) else common_unit(outcomes)
    floor = _number(config.get("quality_floor")) or 0.0
    failure_cost = _number(config.get("failure_cost"))
    if failure_cost is None and _AGENT in arms:
        failure_cost = default_failure_cost(arms[_AGENT], unit=unit)
    shared = set[str].intersection(*({o.task_id for o in found} for found in arms.values()))
    compared = {arm: [o for o in found if o.task_id in shared] for arm, found in arms.items()}
    counted = [{o.task_id for o in found if o.counts} for found in compared.values()]
    figures: dict[str, dict[str, Estimate]] = {arm: {} for arm in arms}
    dominance: dict[tuple[str, str], float | None] = {}
    tasks = 0
    if set[str].intersection(*counted):
        bootstrap = Bootstrap(compared, unit=unit, failure_cost=failure_cost)
        tasks = len(bootstrap.tasks)
        figures = {arm: {name: bootstrap.figure(arm, name) for name in FIGURES} for arm in arms}
        dominance = {(a, b): bootstrap.dominance(a, b) for a in arms for b in arms if a != b}
    above = [arm for arm in arms if _above(figures[arm], floor)]
    return Measures(
        unit=unit,
        arms=[
            ArmFigures(
                name=arm,
                endings=Counter(o.ending for o in found),
                figures=figures[arm],
                above_floor=arm in above,
                on_frontier=arm in above and _undominated(arm, above, figures),
            )
            for arm, found in arms.items()
        ],
        tasks=tasks,
        quality_floor=floor,
        failure_cost=failure_cost,
        dominance=dominance,
        notices=_notices(outcomes, shared, tasks, unit, failure_cost),
    )


def _by_arm(config: Mapping[str, Any], outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    named = config.get("arms")
    first = [str(arm) for arm in cast("list[Any]", named)] if isinstance(named, list) else []
    arms: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        arms.setdefault(outcome.arm, []).append(outcome)
    order = [arm for arm in dict.fromkeys([*first, *sorted(arms)]) if arm in arms]
    return {arm: arms[arm] for arm in order}


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(cast("str", value))
    except (TypeError, ValueError):
        return None


def _above(figures: Mapping[str, Estimate], floor: float) -> bool:
    return bool(figures) and (figures["pass_rate"].value or 0.0) >= floor


def _undominated(
    arm: str, others: Sequence[str], figures: Mapping[str, Mapping[str, Estimate]]
) -> bool:
    mine = _merits(figures[arm])
    return mine is not None and not any(
        theirs != mine and theirs[0] >= mine[0] and theirs[1] >= mine[1]
        for theirs in (_merits(figures[other]) for other in others)
        if theirs is not None
    )


def _merits(figures: Mapping[str, Estimate]) -> tuple[float, float] | None:
    """Pass rate and cheapness."""
    rate, cost = figures["pass_rate"].value, figures["cost"].value
    return None if rate is None or cost is None else (rate, -cost)


def _notices(
    outcomes: Sequence[Outcome],
    shared: set[str],
    tasks: int,
    unit: CostUnit,
    failure_cost: float | None,
) -> list[str]:
    found: list[str] = []
    partial = len({o.task_id for o in outcomes} - shared)
    if partial:
        found.append(
            f"{partial} tasks were not attempted in every arm. They are in the table of tasks and "
            "in no figure."
        )
    failed = sum(not o.counts for o in outcomes)
    if failed:
        found.append(
            f"{failed} attempts ended in an infrastructure failure. They are in no figure, nor is "
            "a task that has no other attempt in some arm."
        )
    if not tasks:
        found.append("No task has an attempt that counts in every arm, so there are no figures.")
    elif tasks == 1:
        found.append("One task has no interval.")
    if unit == "usd" and any(o.usage.cost is None for o in outcomes):
        found.append("Some attempts have no known price. An arm that made them has no cost.")
    if failure_cost is None:
        found.append(
            "No price of an unsolved task was given, and no arm is named agent to derive one from, "
            "so there is no failure-priced cost."
        )
    else:
        price = f"{number(failure_cost)} {in_unit(unit)}"
        found.append(f"An unsolved task is priced at {price} in the failure-priced cost.")
    return found
