"""Anytime search: look harder and harder until looking harder changes little.

A graph (HNSW) tells nothing in the middle of a search, so it is searched anew at each rung of a
ladder of efSearch. Spec: retrieval; after "non-stall retrieval" in SearchAgent-X (arXiv
2505.12065), which ends a search from inside the graph.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lean_agent.retrieval.fusion import Ranking

__all__ = ["LADDER", "Climbed", "climb"]

LADDER = (16, 64, 256, 1_024)
"""efSearch, how many candidates a graph is searched for at a time, rung by rung."""

_PAYS_UNTIL = 256
"""The rung above costs an eighth of all the work and adds .0003 to the recall: bench/anytime.py. It
is climbed only where the recall that was asked for needs it."""

_MATURE_OVERLAP = 0.9
_COMPARED = 10


@dataclass(frozen=True, slots=True)
class Climbed:
    """``mature`` says whether the last two of the ``rungs`` agreed."""

    ranking: Ranking
    rungs: int
    mature: bool


async def climb(
    look: Callable[[int], Awaitable[Ranking]], k: int, *, enough: int, hurry: Callable[[], bool]
) -> Climbed:
    """Search at one rung after the other, until the best are mature and nothing speaks for going
    on: someone waits for them, or the recall that was asked for is reached anyway.

    Two rungs agree if they share 0.9 of their best ``k``, or of their best ten for a smaller ``k``:
    the recall that ``enough`` stands for is that of ten, and a fusion looks deeper than ``k``.

    Args:
        look: Searches at an efSearch.
        k: How many are asked for.
        enough: The efSearch that reaches the recall asked for.
        hurry: Whether someone waits.
    """
    ranking: Ranking = ()
    rungs, mature = 0, False
    before: set[int] | None = None
    for ef in LADDER:
        rungs += 1
        ranking = await look(ef)
        best = {number for number, _ in ranking[: max(k, _COMPARED)]}
        mature = before is not None and len(best & before) >= _MATURE_OVERLAP * len(best)
        if ef >= max(enough, _PAYS_UNTIL) or (mature and (ef >= enough or hurry())):
            break
        before = best
    return Climbed(ranking, rungs, mature)
