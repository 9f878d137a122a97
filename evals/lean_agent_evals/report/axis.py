"""An axis of a plot: where an amount lies, and which amounts are marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "axis_over"]

_WIDE = 20
"""From this ratio of the largest to the smallest amount on an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Axis:
    """``ticks`` lie within ``low`` and ``high``."""

    low: float
    high: float
    logarithmic: bool
    ticks: Sequence[float]

    def place(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one; nothing lies outside."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def axis_over(values: Sequence[float], most_ticks: int = 6) -> Axis:
    """An axis that holds all of the values, which are none below 0."""
    smallest, largest = min(values, default=0.0), max(values, default=0.0)
    if smallest > 0 and largest / smallest >= _WIDE:
        return _logarithmic(smallest, largest, most_ticks)
    if largest == 0:
        return Axis(0.0, 1.0, False, (0.0, 1.0))
    step = _round_up(largest / most_ticks)
    count = math.ceil(largest / step * (1 - 1e-12))
    return Axis(0.0, count * step, False, [number * step for number in range(count + 1)])


def _logarithmic(smallest: float, largest: float, most_ticks: int) -> Axis:
    first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(largest))
    for digits in ((1, 2, 5), (1, 3), (1,)):
        marks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        low = max(mark for mark in marks if mark <= smallest * (1 + 1e-12))
        high = min(mark for mark in marks if mark >= largest * (1 - 1e-12))
        ticks = [mark for mark in marks if low <= mark <= high]
        if len(ticks) <= most_ticks:
            break
    return Axis(low, high, True, ticks[:: math.ceil(len(ticks) / most_ticks)])


def _round_up(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * (1 - 1e-12))
