"""Passages in memory, searched by their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.retriever import Found, at_once, check_vector
from lean_agent.retrieval.turns import in_turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LexicalIndex", "LexicalRetriever"]


class LexicalIndex:
    """An index in memory. Building blocks (a second for 10,000 passages); searching from several
    threads at once is safe.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._bm25 = Bm25.build(passage.searched for passage in self._passages)

    def __len__(self) -> int:
        return len(self._passages)

    def holds(self, names: Iterable[str]) -> bool:
        """Whether any word of the names stands in a passage."""
        return self._bm25.holds(names)

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The ``k`` best passages, best first; fewer, or none, where too few share a word."""
        return [
            Hit(self._passages[number], score, lexical_rank=rank)
            for rank, (number, score) in enumerate(self._bm25.search(query, k), 1)
        ]


class LexicalRetriever:
    """A LexicalIndex as a Retriever. It holds nothing but memory."""

    embedder: str | None = None

    def __init__(self, index: LexicalIndex, *, name: str = "memory") -> None:
        self._index = index
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def holds(self, names: Sequence[str]) -> bool:
        """See ``Holding.holds``."""
        return await in_turn(partial(self._index.holds, names))

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        """See ``Retriever.search``."""
        del hurry  # it looks once
        if vector is not None:
            check_vector(vector, 0, "none")
        return Found(hits=tuple(await in_turn(partial(self._index.search, query, k))))

    async def aclose(self) -> None:
        pass
