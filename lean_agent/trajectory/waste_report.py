"""What many trajectories wasted, added up one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lean_agent.trajectory.correctness import first_correct
from lean_agent.trajectory.metrics import tokens_after
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.sums import Sum
from lean_agent.trajectory.waste import KINDS, WasteKind, find_waste
from lean_agent.usage import EXACT

__all__ = ["WasteReport", "Wasted"]


@dataclass(slots=True)
class Wasted:
    """Findings of one kind. ``tokens`` and ``cost`` are sums of what is known of them."""

    count: int = 0
    tokens: int = 0
    tokens_unknown: int = 0
    cost: Decimal = Decimal(0)
    cost_unknown: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "tokens": self.tokens,
            "tokens_unknown": self.tokens_unknown,
            "known_cost": self.cost,
            "cost_unknown": self.cost_unknown,
        }


@dataclass(slots=True)
class WasteReport:
    """``answered`` runs wrote the correct answer at some time; ``after_answer`` sums the tokens of
    their turns after that one.
    """

    answered: int = 0
    after_answer: Sum = field(default_factory=Sum)
    kinds: dict[WasteKind, Wasted] = field(
        default_factory=lambda: {kind: Wasted() for kind in KINDS}
    )

    def add(self, found: Trajectory) -> None:
        """Count one more."""
        first = first_correct(found)
        if first is not None:
            self.answered += 1
            self.after_answer.add(tokens_after(first, found.tokens_by_turn()))
        for waste in find_waste(found, first):
            kind = self.kinds[waste.kind]
            kind.count += 1
            kind.tokens += waste.tokens or 0
            kind.tokens_unknown += waste.tokens is None
            kind.cost = EXACT.add(kind.cost, waste.cost or 0)
            kind.cost_unknown += waste.cost is None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types but for money, which stays Decimal."""
        return {
            "answered": self.answered,
            "tokens_after_answer": self.after_answer.mean,
            "kinds": {kind: found.to_dict() for kind, found in self.kinds.items()},
        }
