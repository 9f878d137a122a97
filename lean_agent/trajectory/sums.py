"""Sums that remember how much of them is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Sum", "cost_told"]


@dataclass(slots=True)
class Sum:
    """A sum with how many entered it, and how many were unknown."""

    total: float = 0.0
    known: int = 0
    unknown: int = 0

    def add(self, value: float | None) -> None:
        if value is None:
            self.unknown += 1
        else:
            self.total += value
            self.known += 1

    @property
    def mean(self) -> float | None:
        """Of those that are known; None where there is none."""
        return self.total / self.known if self.known else None


def cost_told(known: Decimal, unknown: int, count: int) -> str:
    """A sum of costs in words, of which ``unknown`` of ``count`` have no price: that is not 0."""
    if unknown and unknown == count:
        return "unknown"
    return f"{known:f} and {unknown:,} unknown" if unknown else f"{known:f}"
