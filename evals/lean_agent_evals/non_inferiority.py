"""Whether one arm passes as much as another, but for a margin, on the same tasks.

The score test of Tango (Statistics in Medicine 17, 1998) for matched proportions: it keeps its
level however few tasks change, where adjusted Wald intervals (Agresti and Min, 2005) said "held" of
an arm that had lost the whole margin in up to 12 % of simulated suites, and a bootstrap is certain
of two arms that agree on three tasks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from lean_agent_evals.table import Array

__all__ = ["MARGIN", "NonInferiority", "non_inferiority"]

MARGIN = 0.05
"""How much of the pass rate may be lost for accuracy to count as held."""

_Z = NormalDist().inv_cdf(0.95)
_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """``low`` and ``high`` are one-sided 95 % bounds of the difference, new minus old.

    held: ``low`` is above -margin. lost: it is not, and ``high`` is below 0. Else unclear: there
    are too few tasks to tell.
    """

    difference: float
    low: float
    high: float
    margin: float
    verdict: Literal["held", "lost", "unclear"]


def non_inferiority(differences: Array, margin: float = MARGIN) -> NonInferiority:
    """The test on each task's difference of pass rates, -1 to 1.

    A task of several attempts may have changed in part and counts as that part of a changed one,
    which errs towards unclear.
    """
    n = len(differences)
    gained = float(differences.clip(min=0).sum())
    lost = float(-differences.clip(max=0).sum())
    difference = (gained - lost) / n
    low = _crossing(gained, lost, n, -1.0, difference, _Z)
    high = _crossing(gained, lost, n, difference, 1.0, -_Z)
    verdict = "held" if low > -margin else "lost" if high < 0 else "unclear"
    return NonInferiority(difference, low, high, margin, verdict)


def _crossing(gained: float, lost: float, n: int, low: float, high: float, z: float) -> float:
    """The true difference for which the score is ``z``: it falls as the difference rises."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(gained, lost, n, middle) > z:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(gained: float, lost: float, n: int, true: float) -> float:
    """How many standard errors the observed difference is above a true one."""
    # The likeliest share of lost tasks if that is the true difference.
    b = (2 * n - gained + lost) * true - (gained + lost)
    c = -lost * true * (1 - true)
    share = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * share + true - true**2)
    above = gained - lost - n * true
    return above / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, above)
