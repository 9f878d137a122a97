"""Shares of a token budget, as Plan-and-Budget has them (arXiv 2505.16122)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

__all__ = ["Schedule", "allocate", "weights"]

Schedule = Literal["constant", "linear", "polynomial", "exponential", "cosine"]

_ROUNDING = 1e-9


def weights(schedule: Schedule, parts: int) -> list[float]:
    """w(i) of part i of N, from 0: 1; N - i; (N - i)^2; 0.9^i; or 0.5 (1 + cos(pi i / (N - 1))) +
    0.1, which is 1 where there is one part. All but the first give more to earlier parts.
    """
    match schedule:
        case "constant":
            return [1.0] * parts
        case "linear":
            return [float(parts - i) for i in range(parts)]
        case "polynomial":
            return [float((parts - i) ** 2) for i in range(parts)]
        case "exponential":
            return [0.9**i for i in range(parts)]
        case "cosine":
            if parts == 1:
                return [1.0]
            return [0.5 * (1 + math.cos(math.pi * i / (parts - 1))) + 0.1 for i in range(parts)]


def allocate(
    credit: Sequence[float], total: int, schedule: Schedule = "constant", *, least: int = 0
) -> list[int]:
    """``total`` tokens over the parts, each in proportion to its credit times its weight.

    Shares are rounded down, and what is left goes to the largest ones, a token each. ``least``
    tokens are every part's before the rest is shared; all alike if there are too few for that.
    ``credit`` is above 0.
    """
    least = min(least, total // len(credit))
    rest = total - least * len(credit)
    wanted = [c * w for c, w in zip(credit, weights(schedule, len(credit)), strict=True)]
    shares = [math.floor(rest * part / sum(wanted) + _ROUNDING) for part in wanted]
    largest = sorted(range(len(shares)), key=lambda i: -shares[i])
    for i in largest[: rest - sum(shares)]:
        shares[i] += 1
    return [least + share for share in shares]
