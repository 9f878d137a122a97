"""How good the choices of mode auto were, judged by what forced modes came to. Spec: gating."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from lean_agent import ConfigurationError, Usage
from lean_agent.gate import ChosenMode
from lean_agent_evals.figures import default_failure_cost, summarise
from lean_agent_evals.gate_bounds import ArmFigures, Bound, bounds
from lean_agent_evals.gate_calibration import Bin, binned, calibration_error
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.json_lines import read_lines
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.table import common_unit

__all__ = ["Gap", "Judged", "cheapest_mixture", "judged"]

_AUTO = "auto"
_HINDSIGHT = "best in hindsight"


@dataclass(frozen=True, slots=True)
class Gap:
    """What auto falls short of the best forced mode of each task by: a share of tasks passed, how
    many times the cost, and the failure-priced cost in token units. Below 0, or 1, auto is ahead.
    """

    pass_rate: float
    cost_ratio: float | None
    priced: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``confusion`` has a row for each mode chosen and in it, by mode, at how many tasks that one
    was best in hindsight. ``arms`` has every arm of the run, and "best in hindsight".
    ``overdone`` is, of the tasks that instant passes, the share at which auto began in another
    mode; None where it passes none, or was not tried. ``cheapest_mixture`` is the least mean cost
    at which tossing a coin between two forced modes passes as many as auto; None where no mixture
    does.
    """

    tasks: int
    failure_cost: float
    modes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    overdone: float | None
    arms: Mapping[str, ArmFigures]
    gap: Gap
    cheapest_mixture: float | None
    bounds: tuple[Bound, ...]
    bins: tuple[Bin, ...]
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """What auto began in and answered in, the pass rate that was foretold, and what a guess cost
    that was dropped, in token units.
    """

    began: str
    ended: str
    foretold: float | None
    dropped: float


def judged(folder: Path) -> Judged:
    """Judge a run that has the arm auto and two forced modes or more.

    Raises:
        ConfigurationError: it has not, or cannot be read.
    """
    config = ResultsFolder(folder).config()
    forced = [arm for arm in config.arms if arm in get_args(ChosenMode)]
    if _AUTO not in config.arms or len(forced) < 2:
        raise ConfigurationError(
            f"{folder} has the arms {', '.join(config.arms)}",
            hint="choices are judged where auto and two forced modes or more were tried",
        )
    counting = {key: one for key, one in read_outcomes(folder).items() if one.counts}
    by_task: dict[str, dict[str, list[Outcome]]] = {}
    for key, one in counting.items():
        if key.arm in config.arms:
            by_task.setdefault(key.task_id, {}).setdefault(key.arm, []).append(one)
    whole = {task: found for task, found in by_task.items() if len(found) == len(config.arms)}
    if not whole:
        raise ConfigurationError(f"no task in {folder} was tried by every arm")
    agents = [one for key, one in counting.items() if key.arm == "agent"]
    price = config.failure_cost if common_unit([*counting.values()]) == "token_units" else None
    if price is None:  # none was given, or in US dollars
        price = default_failure_cost(agents, unit="token_units") or 0.0
    best = {task: min((found[arm] for arm in forced), key=_order) for task, found in whole.items()}
    arms = {
        arm: _figures(itertools.chain(*(found[arm] for found in whole.values())), price)
        for arm in config.arms
    }
    auto, others = arms[_AUTO], [one for arm, one in arms.items() if arm != _AUTO]
    arms[_HINDSIGHT] = hindsight = _figures(itertools.chain(*best.values()), price)
    mixture = cheapest_mixture(auto, [arms[arm] for arm in forced])
    tried = [one for found in whole.values() for one in found[_AUTO]]
    choices = _choices(folder, counting.keys())
    modes, confusion = _confusion(forced, best, choices)
    bins = binned(_foretold(whole, choices))
    return Judged(
        tasks=len(whole),
        failure_cost=price,
        modes=modes,
        confusion=confusion,
        overdone=_overdone(whole, choices),
        arms=arms,
        gap=Gap(
            hindsight.pass_rate - auto.pass_rate,
            auto.cost / hindsight.cost if hindsight.cost else None,
            auto.priced - hindsight.priced,
        ),
        cheapest_mixture=mixture,
        bounds=bounds(
            auto,
            {arm: arms[arm] for arm in forced},
            others=others,
            mixture=mixture,
            needless=summarise(tried, unit="token_units").figures["needless_tool_rate"],
            instant=_instant_share(tried, choices),
            choosing=_choosing_share(tried, choices),
        ),
        bins=bins,
        calibration_error=calibration_error(bins),
    )


def cheapest_mixture(wanted: ArmFigures, arms: Sequence[ArmFigures]) -> float | None:
    """The least mean cost of a mixture of two arms, or one, that passes as often as is wanted.

    A mixture of more than two is never cheaper: the least cost by pass rate is the lower convex
    hull of the arms, and each point of that lies between two of them.
    """
    costs: list[float] = []
    for low, high in itertools.product(arms, arms):
        if high.pass_rate < wanted.pass_rate:
            continue
        gap = high.pass_rate - low.pass_rate
        share = max(0.0, (high.pass_rate - wanted.pass_rate) / gap) if gap > 0 else 0.0
        if share <= 1:
            costs.append(share * low.cost + (1 - share) * high.cost)
    return min(costs, default=None)


def _order(attempts: Sequence[Outcome]) -> tuple[float, float]:
    return -fmean(one.passed for one in attempts), fmean(one.usage.token_units for one in attempts)


def _figures(outcomes: Iterable[Outcome], price: float) -> ArmFigures:
    found = summarise(list(outcomes), unit="token_units", failure_cost=price).figures
    rate, cost, priced = (
        found[name] or 0.0 for name in ("pass_rate", "cost", "failure_priced_cost")
    )
    return ArmFigures(rate, cost, priced, found["cost_of_pass"] if rate else None)


def _confusion(
    forced: Sequence[str],
    best: Mapping[str, Sequence[Outcome]],
    choices: Mapping[tuple[str, int], _Choice],
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The modes, and the counts."""
    chosen = {task: choices[task, 0].began for task in best if (task, 0) in choices}
    modes = tuple(sorted({*forced, *chosen.values()}))
    counts = {(row, column): 0 for row in modes for column in modes}
    for task, mode in chosen.items():
        counts[mode, best[task][0].arm] += 1
    return modes, tuple(tuple(counts[row, column] for column in modes) for row in modes)


def _overdone(
    whole: Mapping[str, Mapping[str, Sequence[Outcome]]],
    choices: Mapping[tuple[str, int], _Choice],
) -> float | None:
    easy = [
        choices[task, 0]
        for task, arms in whole.items()
        if (task, 0) in choices and "instant" in arms and all(o.passed for o in arms["instant"])
    ]
    return fmean(choice.began != "instant" for choice in easy) if easy else None


def _foretold(
    whole: Mapping[str, Mapping[str, Sequence[Outcome]]],
    choices: Mapping[tuple[str, int], _Choice],
) -> list[tuple[float, float]]:
    """Of each task: the pass rate of the way taken that was foretold, and the actual one."""
    found: list[tuple[float, float]] = []
    for task, arms in whole.items():
        choice = choices.get((task, 0))
        if choice is not None and choice.foretold is not None:
            found.append((choice.foretold, fmean(one.passed for one in arms[_AUTO])))
    return found


def _instant_share(
    tried: Sequence[Outcome], choices: Mapping[tuple[str, int], _Choice]
) -> float | None:
    """Of attempts at tasks that need a tool, the share that ended in an instant answer."""
    needing = [
        choices[one.task_id, one.epoch]
        for one in tried
        if one.needs_tools and (one.task_id, one.epoch) in choices
    ]
    return fmean(choice.ended == "instant" for choice in needing) if needing else None


def _choosing_share(
    tried: Sequence[Outcome], choices: Mapping[tuple[str, int], _Choice]
) -> float | None:
    """Deciding calls no model; what choosing costs are the guesses that were dropped for it."""
    found = [(one, choices.get((one.task_id, one.epoch))) for one in tried]
    cost = sum(one.usage.token_units for one, _ in found)
    dropped = sum(choice.dropped for _, choice in found if choice is not None)
    return dropped / cost if cost else None


def _choices(folder: Path, counting: Iterable[SampleKey]) -> dict[tuple[str, int], _Choice]:
    """By task and epoch; those of attempts that count."""
    wanted = {(key.task_id, key.epoch) for key in counting if key.arm == _AUTO}
    chosen: dict[tuple[str, int], _Choice] = {}
    for line in read_lines(folder / "trajectories.jsonl"):
        key = (line["task_id"], line["epoch"])
        decision: Any = line.get("decision") or {}
        if line["arm"] != _AUTO or key not in wanted or "mode" not in decision:
            continue
        began, then, ended = decision["mode"], decision["then"], line["mode"]
        taken = f"{began}>{then}" if then else began
        rates = (one["pass_rate"] for one in decision["predictions"] if one["way"] == taken)
        calls: Any = line.get("calls") or []
        guessed = then and ended == then and calls
        dropped = Usage.from_dict(calls[0]).token_units if guessed else 0.0
        chosen[key] = _Choice(began, ended, next(rates, None), dropped)
    return chosen
