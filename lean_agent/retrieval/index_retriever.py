"""An index on disk as a Retriever: words and vectors searched side by side, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent._threads import in_daemon_thread
from lean_agent.retrieval.anytime import Climbed, climb
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.fusion import FUSED_DEPTH, Ranking, best_hits
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.retriever import Found, at_once

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IndexRetriever"]


class IndexRetriever:
    """One generation of an index. A cancelled search lets a thread run on, for milliseconds."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @classmethod
    async def open(cls, folder: Path, *, embedder: str | None = None) -> IndexRetriever:
        """Open the index in a folder, off the event loop (see ``Index.open``).

        Raises:
            ConfigurationError: there is none, or it cannot be used.
        """
        return cls(await in_daemon_thread(partial(Index.open, folder, embedder=embedder)))

    def __len__(self) -> int:
        return len(self._index)

    @property
    def name(self) -> str:
        return str(self._index.folder)

    @property
    def embedder(self) -> str | None:
        return self._index.manifest.embedder or None

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        """See ``Retriever.search``. Without a graph it is exact, in one rung."""
        k = max(0, min(k, len(self)))
        if vector is None:
            return await in_daemon_thread(partial(self._by_words_alone, query, k))
        lexical, dense = await asyncio.gather(
            in_daemon_thread(partial(self._index.by_words, query, max(FUSED_DEPTH, k))),
            self._by_vector(vector, k, hurry),
        )
        hits = await in_daemon_thread(partial(self._hits, lexical, dense.ranking, k))
        return Found(hits=hits, rungs=dense.rungs, mature=dense.mature)

    def _by_words_alone(self, query: str, k: int) -> Found:
        return Found(hits=self._hits(self._index.by_words(query, k), (), k))

    def _hits(self, lexical: Ranking, dense: Ranking, k: int) -> tuple[Hit, ...]:
        return best_hits(lexical, dense, k, self._passages)

    def _passages(self, numbers: list[int]) -> list[Passage]:
        return [self._index.passages[number] for number in numbers]

    async def _by_vector(
        self, vector: NDArray[np.float32], k: int, hurry: Callable[[], bool]
    ) -> Climbed:
        async def look(ef: int) -> Ranking:
            depth = max(k, min(ef, FUSED_DEPTH))
            return await in_daemon_thread(partial(self._index.by_vector, vector, depth, ef))

        calibration = self._index.manifest.calibration
        if calibration is None:
            return Climbed(await look(FUSED_DEPTH), rungs=1, mature=True)
        return await climb(look, k, enough=calibration.ef_search, hurry=hurry)

    async def aclose(self) -> None:
        """Nothing is held that others could use: the files are mapped."""
