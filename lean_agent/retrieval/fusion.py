"""Reciprocal rank fusion: rankings of several methods made one (Cormack et al., SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["RANK_CONSTANT", "reciprocal_rank_fusion"]

RANK_CONSTANT = 60
"""As in the paper. The larger, the less the first places count over the next."""


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
