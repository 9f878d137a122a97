"""Fitting a profile to what tasks came to in every mode, and judging gates by it. Spec: gating."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final, get_args

from lean_agent.gate import ChosenMode, Gate, Signals, Way
from lean_agent.gating.learned import learned
from lean_agent.gating.profile import Profile, Tally
from lean_agent.gating.task_kinds import task_kinds

__all__ = ["Attempted", "Tried", "Worth", "cross_validated", "failure_price", "fit"]

_FOLDS: Final = 5
_FAILURES_TO_AN_AGENT: Final = 10
_GOING_ON: Final[tuple[ChosenMode, ...]] = ("reason", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """What a task came to in a mode: the share of attempts that passed, an attempt's cost in token
    units, and the confidence of an instant answer.
    """

    passed: float
    cost: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A task that was attempted in several modes, and what a gate is told of it."""

    task_id: str
    signals: Signals
    attempts: Mapping[ChosenMode, Attempted]

    def came_to(self, way: Way) -> Attempted | None:
        """What a way came to, or would have; None where that was not tried."""
        first = self.attempts.get(way.mode)
        if first is None or way.then is None:
            return first
        if first.confidence is not None and first.confidence >= way.sure:
            return first
        second = self.attempts.get(way.then)
        if second is None:
            return None
        return Attempted(passed=second.passed, cost=first.cost + second.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a gate's choices came to, each task weighing the same; costs are in token units.

    ``priced`` is the cost with each failure at the failure's price.
    """

    pass_rate: float
    cost: float
    priced: float
    of_tasks: Mapping[str, float]

    def saves(self, other: Worth) -> bool:
        """Whether it is cheaper than another gate by more than a standard error, task by task."""
        both = self.of_tasks.keys() & other.of_tasks.keys()
        saved = [other.of_tasks[task] - self.of_tasks[task] for task in sorted(both)]
        if len(saved) < 2:
            return False
        return fmean(saved) > stdev(saved) / len(saved) ** 0.5


def failure_price(tried: Sequence[Tried]) -> float:
    """Ten attempts in the dearest mode, which is the agent where there are tools."""
    means = [
        fmean([one.attempts[mode].cost for one in tried if mode in one.attempts])
        for mode in _modes(tried)
    ]
    return _FAILURES_TO_AN_AGENT * max(means, default=0.0)


def fit(tried: Sequence[Tried], *, model: str, source: str, with_weights: bool = False) -> Profile:
    """A profile of what was tried. ``source`` says of what, in words for a person.

    Raises:
        ConfigurationError: weights are wanted, and scikit-learn is not installed.
    """
    price = failure_price(tried)
    ways = [Way(mode=mode) for mode in _modes(tried)]
    ways += [way for then in _GOING_ON if (way := _going_on(tried, then, price)) is not None]
    tallies: dict[str, dict[str, Tally]] = {}
    for one in tried:
        for way in ways:
            if (came := one.came_to(way)) is None:
                continue
            for kind in task_kinds(one.signals):
                found = tallies.setdefault(kind, {})
                found[way.name] = found.get(way.name, Tally(0, 0.0, 0.0)) + Tally(
                    1, came.passed, came.cost
                )
    return Profile(
        model=model,
        source=source,
        tallies=tallies,
        sure={way.name: way.sure for way in ways if way.then},
        weights=learned(tried, ways) if with_weights else {},
    )


def _modes(tried: Sequence[Tried]) -> list[ChosenMode]:
    return [mode for mode in get_args(ChosenMode) if any(mode in one.attempts for one in tried)]


def _going_on(tried: Sequence[Tried], then: ChosenMode, price: float) -> Way | None:
    """Instant, and on in another mode below the confidence that costs least on what was tried."""
    both = [one for one in tried if {"instant", then} <= one.attempts.keys()]
    known = sorted({c for one in both if (c := one.attempts["instant"].confidence) is not None})
    ways = [Way(mode="instant", then=then, sure=sure) for sure in known[1:]]
    return min(ways, key=lambda way: _priced(way, both, price), default=None)


def _priced(way: Way, tried: Iterable[Tried], price: float) -> float:
    came = [found for one in tried if (found := one.came_to(way)) is not None]
    return fmean([one.cost + (1 - one.passed) * price for one in came])


def cross_validated(
    make: Callable[[Sequence[Tried]], Gate], tried: Sequence[Tried], *, price: float
) -> Worth:
    """What a gate is worth on tasks that it was not fitted to.

    Args:
        make: Gives the gate of some tasks; the others are then decided by it.
        tried: All tasks. Which are kept back together depends on their ids alone.
        price: Of a failure, in token units.
    """
    of_tasks: dict[str, float] = {}
    came_to: list[Attempted] = []
    for fold in range(_FOLDS):
        kept_back = [one for one in tried if _fold(one.task_id) == fold]
        if not kept_back:
            continue
        gate = make([one for one in tried if _fold(one.task_id) != fold])
        for one in kept_back:
            came = one.came_to(gate.decide(one.signals).way)
            if came is not None:
                came_to.append(came)
                of_tasks[one.task_id] = came.cost + (1 - came.passed) * price
    return Worth(
        pass_rate=fmean([one.passed for one in came_to]) if came_to else 0.0,
        cost=fmean([one.cost for one in came_to]) if came_to else 0.0,
        priced=fmean(of_tasks.values()) if of_tasks else 0.0,
        of_tasks=of_tasks,
    )


def _fold(task_id: str) -> int:
    return hashlib.sha256(task_id.encode()).digest()[0] % _FOLDS
