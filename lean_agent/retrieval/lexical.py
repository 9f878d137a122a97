"""Passages in memory, searched by their words."""

from __future__ import annotations

from collections.abc import Sequence

from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.words import excerpt

__all__ = ["LexicalIndex"]


class LexicalIndex:
    """An index in memory. Building blocks (a second for 10,000 passages); searching from several
    threads at once is safe.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._bm25 = Bm25.build(passage.searched for passage in self._passages)

    def __len__(self) -> int:
        return len(self._passages)

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The ``k`` best passages, best first; fewer, or none, where too few share a word."""
        return [
            Hit(self._passages[number], score, lexical_rank=rank)
            for rank, (number, score) in enumerate(self._bm25.search(query, k), 1)
        ]

    def excerpt(self, passage: Passage, query: str, max_chars: int) -> str:
        """The stretch of a passage that holds the most of the query's words."""
        return excerpt(passage.text, query, max_chars)
