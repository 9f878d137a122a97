"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass

from lean_agent.retrieval.corpus import Passage

__all__ = ["Hit"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that fits a query. Scores compare within one query only.

    ``lexical_rank`` and ``dense_rank`` are its places by words and by vectors, from 1; None where
    it was not among those looked at.
    """

    passage: Passage
    score: float
    lexical_rank: int | None = None
    dense_rank: int | None = None
