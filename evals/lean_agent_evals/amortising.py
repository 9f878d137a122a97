"""What a solved instance costs where something was made once for all of them.

Cost-of-pass (arXiv 2504.13359) of n instances: (making + n x each) / (n x pass rate).
"""

from __future__ import annotations

import math

__all__ = ["amortised", "break_even"]


def amortised(making: float, each: float, pass_rate: float, instances: int) -> float:
    """The cost of a pass over so many instances, the making's part included; infinite where
    nothing passes.

    Args:
        making: What was spent before the first instance.
        each: What an attempt at an instance costs, solved or not.
        pass_rate: The share of attempts that pass, 0 to 1.
        instances: How many there are, 1 or more.
    """
    if pass_rate <= 0:
        return math.inf
    return (making + instances * each) / (instances * pass_rate)


def break_even(making: float, each: float, pass_rate: float, other: float) -> int | None:
    """From how many instances on a pass costs no more than ``other``, another way's cost of a pass.

    None: from none. Where the other way passes nothing, its cost is infinite: from the first on.
    """
    if pass_rate <= 0 or math.isinf(making):
        return None
    if math.isinf(other):
        return 1
    saved = pass_rate * other - each
    if saved <= 0:
        return 1 if making == 0 and saved == 0 else None
    return max(1, math.ceil(making / saved))
