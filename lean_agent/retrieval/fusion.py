"""Reciprocal rank fusion: rankings of several methods made one (Cormack et al., SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.hits import Hit

__all__ = ["FUSED_DEPTH", "RANK_CONSTANT", "Ranking", "best_hits", "reciprocal_rank_fusion"]

RANK_CONSTANT = 60
"""As in the paper. The larger, the less the first places count over the next."""

FUSED_DEPTH = 100
"""How many of the best of each method are fused, at least."""

Ranking: TypeAlias = Sequence[tuple[int, float]]
"""(passage number, score), best first."""


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], *, constant: int = RANK_CONSTANT
) -> list[tuple[int, float]]:
    """(item, score) of everything ranked, best first: each ranking adds 1 / (constant + rank).

    Equal scores are in the order of the items.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def best_hits(
    lexical: Ranking, dense: Ranking, k: int, passages: Callable[[list[int]], Sequence[Passage]]
) -> tuple[Hit, ...]:
    """The ``k`` best of a ranking by words and one by vectors. Without the second, the scores are
    those of the first.

    Args:
        lexical: By words.
        dense: By vectors; empty where the query had none.
        k: How many.
        passages: Gives the passages of so many numbers.
    """
    by_words, by_vectors = (
        {number: rank for rank, (number, _) in enumerate(ranking, 1)}
        for ranking in (lexical, dense)
    )
    best = (reciprocal_rank_fusion([[*by_words], [*by_vectors]]) if dense else lexical)[:k]
    found = passages([number for number, _ in best])
    return tuple(
        Hit(passage, score, by_words.get(number), by_vectors.get(number))
        for (number, score), passage in zip(best, found, strict=True)
    )
