"""How good the choices of mode auto were, judged by what forced modes came to. Spec: gating."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, get_args

from lean_agent import ConfigurationError
from lean_agent.gate import ChosenMode
from lean_agent_evals.figures import default_failure_cost
from lean_agent_evals.json_lines import read_lines
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder, read_outcomes

__all__ = ["ArmFigures", "Bin", "Judged", "cheapest_mixture", "judged"]

_BINS: Final = 5
_BAR: Final = 20


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """Means over tasks; costs in token units, ``priced`` with each failure at its price."""

    pass_rate: float
    cost: float
    priced: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Tasks whose foretold pass rates are near each other."""

    foretold: float
    actual: float
    tasks: int

    @property
    def bar(self) -> str:
        """The actual rate drawn, with a mark where it was foretold to be."""
        cells = ["#" if n < round(self.actual * _BAR) else "." for n in range(_BAR + 1)]
        cells[round(self.foretold * _BAR)] = "|"
        return "".join(cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``confusion`` has a row for each mode chosen and in it, by mode, at how many tasks that one
    was best in hindsight. ``arms`` has the forced ones, auto, and "best in hindsight".
    ``cheapest_mixture`` is the least mean cost at which tossing a coin between two forced modes
    passes as many as auto; None where no mixture does. ``calibration_error`` is the mean distance
    of foretold from actual rates, weighed by tasks.
    """

    tasks: int
    failure_cost: float
    modes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    arms: Mapping[str, ArmFigures]
    cheapest_mixture: float | None
    bins: tuple[Bin, ...]
    calibration_error: float


def judged(folder: Path) -> Judged:
    """Judge a run that has the arm auto and two forced modes or more.

    Raises:
        ConfigurationError: it has not, or cannot be read.
    """
    config = ResultsFolder(folder).config()
    forced = [arm for arm in config.arms if arm in get_args(ChosenMode)]
    if "auto" not in config.arms or len(forced) < 2:
        raise ConfigurationError(
            f"{folder} has the arms {', '.join(config.arms)}",
            hint="choices are judged where auto and two forced modes or more were tried",
        )
    arms = ["auto", *forced]
    outcomes = {key: one for key, one in read_outcomes(folder).items() if one.counts}
    by_task: dict[str, dict[str, Outcome]] = {}
    for key, one in outcomes.items():
        if key.arm in arms and key.epoch == 0:
            by_task.setdefault(key.task_id, {})[key.arm] = one
    whole = {task: found for task, found in by_task.items() if len(found) == len(arms)}
    if not whole:
        raise ConfigurationError(f"no task in {folder} was tried by every arm")
    agents = [one for key, one in outcomes.items() if key.arm == "agent"]
    price = config.failure_cost or default_failure_cost(agents, unit="token_units") or 0.0
    best = {task: min((found[arm] for arm in forced), key=_order) for task, found in whole.items()}
    chosen, foretold = _choices(folder)
    modes = tuple(sorted({*forced, *(chosen[task] for task in whole if task in chosen)}))
    confusion = {(row, column): 0 for row in modes for column in modes}
    for task in whole:
        if task in chosen:
            confusion[chosen[task], best[task].arm] += 1
    figures = {arm: _figures([found[arm] for found in whole.values()], price) for arm in arms}
    figures["best in hindsight"] = _figures(list(best.values()), price)
    pairs = [(foretold[task], whole[task]["auto"].passed) for task in whole if task in foretold]
    bins = _binned(pairs)
    error = sum(abs(one.foretold - one.actual) * one.tasks for one in bins)
    return Judged(
        tasks=len(whole),
        failure_cost=price,
        modes=modes,
        confusion=tuple(tuple(confusion[row, column] for column in modes) for row in modes),
        arms=figures,
        cheapest_mixture=cheapest_mixture(figures["auto"], [figures[arm] for arm in forced]),
        bins=bins,
        calibration_error=error / len(pairs) if pairs else 0.0,
    )


def cheapest_mixture(wanted: ArmFigures, arms: Sequence[ArmFigures]) -> float | None:
    """The least mean cost of a mixture of two arms, or one, that passes as often as is wanted."""
    costs: list[float] = []
    for low, high in itertools.product(arms, arms):
        if high.pass_rate < wanted.pass_rate:
            continue
        gap = high.pass_rate - low.pass_rate
        share = max(0.0, (high.pass_rate - wanted.pass_rate) / gap) if gap > 0 else 0.0
        if share <= 1:
            costs.append(share * low.cost + (1 - share) * high.cost)
    return min(costs, default=None)


def _order(one: Outcome) -> tuple[bool, float]:
    return (not one.passed, one.usage.token_units)


def _figures(outcomes: Sequence[Outcome], price: float) -> ArmFigures:
    cost = fmean([one.usage.token_units for one in outcomes])
    rate = fmean([one.passed for one in outcomes])
    return ArmFigures(rate, cost, cost + (1 - rate) * price)


def _choices(folder: Path) -> tuple[dict[str, str], dict[str, float]]:
    """By task: the mode that auto began in, and the pass rate that it was foretold."""
    chosen: dict[str, str] = {}
    foretold: dict[str, float] = {}
    for line in read_lines(folder / "trajectories.jsonl"):
        decision: Any = line.get("decision") or {}
        if line["arm"] != "auto" or line["epoch"] or "mode" not in decision:
            continue
        task = line["task_id"]
        chosen[task] = decision["mode"]
        then = decision["then"]
        taken = f"{decision['mode']}>{then}" if then else decision["mode"]
        for one in decision["predictions"]:
            if one["way"] == taken:
                foretold[task] = one["pass_rate"]
    return chosen, foretold


def _binned(pairs: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Of as equal width as may be, the empty ones left out."""
    found: list[Bin] = []
    for number in range(_BINS):
        inside = [one for one in pairs if min(int(one[0] * _BINS), _BINS - 1) == number]
        if inside:
            rates, passes = zip(*inside, strict=True)
            found.append(Bin(fmean(rates), fmean(passes), len(inside)))
    return tuple(found)
