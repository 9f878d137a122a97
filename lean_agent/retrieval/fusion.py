"""Reciprocal rank fusion: rankings of several methods made one (Cormack et al., SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.hits import Hit

__all__ = [
    "FUSED_DEPTH",
    "RANK_CONSTANT",
    "Place",
    "Ranking",
    "best_places",
    "reciprocal_rank_fusion",
]

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


class Place(NamedTuple):
    """A passage's number, score, and ranks from 1 (None where it is not in that ranking)."""

    number: int
    score: float
    lexical_rank: int | None
    dense_rank: int | None

    def hit(self, passage: Passage) -> Hit:
        return Hit(passage, self.score, self.lexical_rank, self.dense_rank)


def best_places(lexical: Ranking, dense: Ranking, k: int) -> list[Place]:
    """The ``k`` best of a ranking by words and one by vectors. Where the query had no vector, the
    second is empty, and the scores are those of the first.
    """
    by_words, by_vectors = (
        {number: rank for rank, (number, _) in enumerate(ranking, 1)}
        for ranking in (lexical, dense)
    )
    best = reciprocal_rank_fusion([[*by_words], [*by_vectors]]) if dense else lexical
    return [
        Place(number, score, by_words.get(number), by_vectors.get(number))
        for number, score in best[:k]
    ]
