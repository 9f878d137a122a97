"""Who is next where many runs share few slots: priority levels, then waiting time.

Source: SearchAgent-X (https://arxiv.org/abs/2505.12065), its priority-aware scheduling. A run far
along (many retrievals, long under way, a long context) is worth finishing: its prefix is still in
the engine's cache, and it makes room. Spec: retrieval ("Schedule").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LEVELS", "Claim", "levels", "order"]

LEVELS = 6
"""How many levels there are, the paper's G."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request that waits for a slot.

    ``retrievals`` are those that its run has done, ``began`` is when the run did and ``since`` when
    this request began to wait, both in seconds of one clock. ``context`` is the prompt's length, in
    any unit that is the same for all: it is only compared.
    """

    retrievals: int
    began: float
    context: int
    since: float


def levels(claims: Sequence[Claim], now: float) -> list[int]:
    """The level of each, 0 to ``LEVELS`` - 1.

    For each measure M (retrievals, seconds since the run began, context) there are thresholds
    ``min(M) + k/LEVELS * (max(M) - min(M))`` over all that wait. A request's level is the highest k
    whose threshold one of its measures exceeds, or 0.
    """
    found = [0] * len(claims)
    measures: tuple[list[float], ...] = (
        [claim.retrievals for claim in claims],
        [now - claim.began for claim in claims],
        [claim.context for claim in claims],
    )
    for values in measures:
        least = min(values, default=0.0)
        span = max(values, default=0.0) - least
        for index, value in enumerate(values):
            exceeded = sum(value - least > k * span / LEVELS for k in range(1, LEVELS))
            found[index] = max(found[index], exceeded)
    return found


def order(claims: Sequence[Claim], now: float) -> list[int]:
    """The claims' indexes, who is next first: the higher level, then the longer present wait.

    Nobody starves. Of the runs that wait the one that began first is in the highest level (unless
    all began at once), so that in the long run only runs that began no later than it, and requests
    that waited before its own, can go first, and both are finitely many.
    """
    found = levels(claims, now)
    return sorted(range(len(claims)), key=lambda i: (-found[i], claims[i].since))
