"""How well pass rates were foretold: bins of tasks with intervals, and one number. Spec: gating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean
from typing import Final

__all__ = ["Bin", "binned", "calibration_error"]

_BINS: Final = 5
_BAR: Final = 20
_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Bin:
    """Tasks whose foretold pass rates are near each other.

    ``low`` and ``high`` are the ends of the actual rate's 95 % interval (Wilson, 1927), which says
    something of few tasks, too, and where all or none passed.
    """

    foretold: float
    actual: float
    tasks: int
    low: float
    high: float

    @property
    def bar(self) -> str:
        """The actual rate drawn, with a mark where it was foretold to be."""
        cells = ["#" if n < round(self.actual * _BAR) else "." for n in range(_BAR + 1)]
        cells[round(self.foretold * _BAR)] = "|"
        return "".join(cells)


def binned(pairs: Sequence[tuple[float, float]]) -> tuple[Bin, ...]:
    """Pairs of foretold and actual pass rates, one a task, in bins of one width; no empty ones."""
    found: list[Bin] = []
    for number in range(_BINS):
        inside = [one for one in pairs if min(int(one[0] * _BINS), _BINS - 1) == number]
        if inside:
            foretold, passed = zip(*inside, strict=True)
            rate = fmean(passed)
            found.append(Bin(fmean(foretold), rate, len(inside), *_wilson(rate, len(inside))))
    return tuple(found)


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """The mean distance of foretold from actual rates, weighed by tasks; None without any.

    The expected calibration error of Guo et al. (arXiv 1706.04599).
    """
    tasks = sum(one.tasks for one in bins)
    if not tasks:
        return None
    return sum(abs(one.foretold - one.actual) * one.tasks for one in bins) / tasks


def _wilson(rate: float, tasks: int) -> tuple[float, float]:
    square = _Z**2 / tasks
    middle = rate + square / 2
    beyond = _Z * sqrt(rate * (1 - rate) / tasks + square / (4 * tasks))
    low, high = ((middle + side * beyond) / (1 + square) for side in (-1, 1))
    # Rounding must not leave the ends at 0 and 1 a little short of them.
    return (low if rate else 0.0), (high if rate < 1 else 1.0)
