"""The rankings by words and by vectors, made side by side. Spec: retrieval ("Hybrid")."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lean_agent.retrieval.anytime import Climbed, climb
from lean_agent.retrieval.fusion import FUSED_DEPTH, Ranking

__all__ = ["rank_both"]


async def rank_both(
    by_words: Callable[[int], Awaitable[Ranking]],
    by_vector: Callable[[int, int | None], Awaitable[Ranking]],
    k: int,
    *,
    ef: int | None,
    hurry: Callable[[], bool] | None,
) -> tuple[Ranking, Climbed]:
    """By words, and by vectors: deep enough for the ``k`` best of both.

    Args:
        by_words: Gives so many of the best by words.
        by_vector: Gives so many of the nearest, found with an efSearch; with None, exactly.
        k: How many are asked for.
        ef: The efSearch that reaches the recall asked for; None: the search is exact.
        hurry: Whether someone waits (see ``climb``); None: it looks once.
    """
    depth = max(FUSED_DEPTH, k)

    async def look(ef: int) -> Ranking:
        return await by_vector(max(k, min(ef, FUSED_DEPTH)), ef)

    async def dense() -> Climbed:
        if ef is None or hurry is None:
            return Climbed(await by_vector(depth, ef), rungs=1, mature=True)
        return await climb(look, k, enough=ef, hurry=hurry)

    lexical, nearest = asyncio.ensure_future(by_words(depth)), asyncio.ensure_future(dense())
    try:
        return await asyncio.gather(lexical, nearest)
    finally:
        for half in (lexical, nearest):  # if one failed, nobody needs the other
            half.cancel()
