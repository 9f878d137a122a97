"""What a cascade of a small and a larger model is worth, from attempts that both made.

    python bench/cascade.py SMALL_DIR LARGE_DIR [--times 3.1]

Both are results of `lean-agent gate calibrate` on the same tasks. The gate with both models'
profiles chooses for tasks that neither was fitted to (five folds); beside it the gate with each
profile alone, the larger model always as an agent, and its free rules. What a choice comes to is
what was tried: an unsure answer is dropped before another mode or model begins, so two attempts
made apart make one. Costs are token units of the smaller model; `--times` says how many of them one
of the larger takes, by default as the local models' parameters do (1.54 to 0.49 billion). A failure
costs ten agent attempts of the larger model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lean_agent import ConfigurationError
from lean_agent.cli.table import print_table
from lean_agent.gate import ChosenMode, Gate, GateDecision, Signals, Way
from lean_agent.gating.calibrated import CalibratedGate
from lean_agent.gating.cascade import Cascade, Level
from lean_agent.gating.fit import Attempted, Tried, cross_validated, failure_price, fit
from lean_agent.gating.profile import Profile
from lean_agent.gating.rules import RuleGate
from lean_agent_evals.calibrating import tried_in

_SMALL, _LARGE = "small", "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both(Tried):
    """A task that the small model was tried at and, in ``larger``, the other one."""

    larger: Tried
    times: float

    def came_to(self, way: Way) -> Attempted | None:
        first, second = self._by(way.model), self._by(way.then_model or way.model)
        attempts: dict[ChosenMode, Attempted] = {}
        attempts |= {mode: one for mode, one in first.items() if mode == way.mode}
        attempts |= {mode: one for mode, one in second.items() if mode == way.then}
        return Tried(task_id=self.task_id, signals=self.signals, attempts=attempts).came_to(way)

    def _by(self, model: str) -> Mapping[ChosenMode, Attempted]:
        if model != _LARGE:
            return self.attempts
        tried = self.larger.attempts.items()
        return {mode: replace(one, cost=one.cost * self.times) for mode, one in tried}


@dataclass(frozen=True, slots=True)
class _Always:
    """One model, by another gate or always as an agent."""

    model: str
    inner: Gate | None = None

    def decide(self, signals: Signals) -> GateDecision:
        way = self.inner.decide(signals).way if self.inner else Way(mode="agent")
        named = Way(mode=way.mode, then=way.then, sure=way.sure, model=self.model)
        return GateDecision(way=named, reason="")


def main() -> int:
    parser = argparse.ArgumentParser(description="What a cascade of two models is worth.")
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--times", type=float, default=1.54 / 0.49)
    options = parser.parse_args()
    try:
        (small, tried), (large, larger) = tried_in(options.small), tried_in(options.large)
    except ConfigurationError as error:
        parser.error(error.message)
    by_id = {one.task_id: one for one in larger}
    both = [
        _Both(
            task_id=one.task_id,
            signals=one.signals,
            attempts=one.attempts,
            larger=by_id[one.task_id],
            times=options.times,
        )
        for one in tried
        if one.task_id in by_id
    ]
    if not both:
        parser.error("the two were not tried at the same tasks")

    def of_small(some: Sequence[Tried]) -> Profile:
        return fit(some, model=_SMALL, source="")

    def of_large(some: Sequence[Tried]) -> Profile:
        return fit([by_id[one.task_id] for one in some], model=_LARGE, source="")

    def cascade(some: Sequence[Tried]) -> Gate:
        levels = [
            Level(model=_SMALL, profile=of_small(some), price=1.0),
            Level(model=_LARGE, profile=of_large(some), price=options.times),
        ]
        return CalibratedGate(Cascade(levels))

    makers: dict[str, Callable[[Sequence[Tried]], Gate]] = {
        "cascade": cascade,
        "small alone, its profile": lambda some: _Always(_SMALL, CalibratedGate(of_small(some))),
        "large alone, its profile": lambda some: _Always(_LARGE, CalibratedGate(of_large(some))),
        "large alone, free rules": lambda _: _Always(_LARGE, RuleGate()),
        "large, always agent": lambda _: _Always(_LARGE),
    }
    price = failure_price(larger) * options.times
    worths = {name: cross_validated(make, both, price=price) for name, make in makers.items()}
    print(f"{small.model} and {large.model}, {len(both)} tasks, a failure costs {price:,.0f}\n")
    rows = [(name, one.pass_rate, one.cost, one.priced) for name, one in worths.items()]
    print_table(("GATE", "PASS RATE", "COST", "FAILURE-PRICED"), rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
