"""What many trajectories come to, added up one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lean_agent.trajectory import depo
from lean_agent.trajectory.metrics import ise, ise_as_published, isr
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.sums import Sum
from lean_agent.trajectory.waste_report import WasteReport
from lean_agent.usage import EXACT

__all__ = ["TrajectoryStats", "summed"]


@dataclass(slots=True)
class Efficiency:
    """DEPO's figures of a set of runs: tokens written a task (T), and steps a task (S)."""

    tokens: Sum = field(default_factory=Sum)
    steps: Sum = field(default_factory=Sum)

    def add(self, found: Trajectory) -> None:
        self.tokens.add(found.written)
        self.steps.add(found.turns)

    @property
    def tokens_per_step(self) -> float | None:
        """Of all their steps together; None where a run's tokens are unknown."""
        if self.tokens.unknown or not self.steps.total:
            return None
        return self.tokens.total / self.steps.total

    def to_dict(self) -> dict[str, Any]:
        return {
            "tokens": self.tokens.mean,
            "tokens_unknown": self.tokens.unknown,
            "steps": self.steps.mean,
            "tokens_per_step": self.tokens_per_step,
        }


@dataclass(slots=True)
class TrajectoryStats:
    """Counts, efficiency of all runs and of those that passed, and what was wasted.

    ISR and ISE are over the trajectories whose task requires entities. The cost is a sum over those
    whose cost is known. The waste report is None unless asked for: to compare all texts takes
    several times as long as all the rest.
    """

    trajectories: int = 0
    steps: int = 0
    passed: int = 0
    unjudged: int = 0
    estimated: int = 0
    rewards: Sum = field(default_factory=Sum)
    cost: Decimal = Decimal(0)
    cost_unknown: int = 0
    all_runs: Efficiency = field(default_factory=Efficiency)
    passed_runs: Efficiency = field(default_factory=Efficiency)
    isr: Sum = field(default_factory=Sum)
    ise: Sum = field(default_factory=Sum)
    ise_as_published: Sum = field(default_factory=Sum)
    groups: Counter[str] = field(default_factory=Counter[str])
    sources: Counter[str] = field(default_factory=Counter[str])
    waste: WasteReport | None = None

    def add(self, found: Trajectory, *, good: float = depo.GOOD) -> None:
        """Count one more."""
        self.trajectories += 1
        self.steps += len(found.steps)
        self.passed += found.passed is True
        self.unjudged += found.passed is None
        self.estimated += found.usage.estimated
        self.rewards.add(found.reward)
        self.sources[found.source.format] += 1
        if found.usage.cost is None:
            self.cost_unknown += 1
        else:
            self.cost = EXACT.add(self.cost, found.usage.cost)
        self.all_runs.add(found)
        if found.passed:
            self.passed_runs.add(found)
        if found.entities_required:
            self.isr.add(isr(found.entities_required, found.entities_found))
            self.ise.add(ise(found.entities_found, found.actions))
            self.ise_as_published.add(ise_as_published(found.entities_required, found.actions))
        if found.reward is not None:
            self.groups[depo.group(found.reward, found.turns, good=good) or "dropped"] += 1
        if self.waste is not None:
            self.waste.add(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types but for money, which stays Decimal."""
        return {
            "trajectories": self.trajectories,
            "steps": self.steps,
            "sources": dict(self.sources),
            "passed": self.passed,
            "unjudged": self.unjudged,
            "reward": self.rewards.mean,
            "estimated": self.estimated,
            "known_cost": self.cost,
            "cost_unknown": self.cost_unknown,
            "all": self.all_runs.to_dict(),
            "passed_runs": self.passed_runs.to_dict(),
            "with_entities": self.isr.known,
            "isr": self.isr.mean,
            "ise": self.ise.mean,
            "ise_as_published": self.ise_as_published.mean,
            "groups": dict(self.groups),
            "waste": self.waste and self.waste.to_dict(),
        }


def summed(
    trajectories: Iterable[Trajectory], *, good: float = depo.GOOD, waste: bool = False
) -> TrajectoryStats:
    """The figures of all of them. ``good`` is the reward that DEPO's desirable group needs."""
    stats = TrajectoryStats(waste=WasteReport() if waste else None)
    for found in trajectories:
        stats.add(found, good=good)
    return stats
