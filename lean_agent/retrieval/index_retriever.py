"""An index on disk as a Retriever, searched off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent._threads import in_daemon_thread
from lean_agent.retrieval.fusion import Ranking, best_places
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.hybrid import rank_both
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.retriever import Found, at_once
from lean_agent.retrieval.turns import in_turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IndexRetriever"]


class IndexRetriever:
    """One generation of an index. A cancelled search lets a thread run on, for milliseconds.

    With ``ladder`` a graph is searched harder and harder until the answer settles (see ``climb``),
    else once, at the efSearch that was chosen when it was built.
    """

    def __init__(self, index: Index, *, ladder: bool = False) -> None:
        self._index = index
        self._ladder = ladder

    @classmethod
    async def open(
        cls, folder: Path, *, embedder: str | None = None, ladder: bool = False
    ) -> IndexRetriever:
        """Open the index in a folder, off the event loop (see ``Index.open``).

        Raises:
            ConfigurationError: there is none, or it cannot be used.
        """
        index = await in_daemon_thread(partial(Index.open, folder, embedder=embedder))
        return cls(index, ladder=ladder)

    @property
    def name(self) -> str:
        return str(self._index.folder)

    @property
    def embedder(self) -> str | None:
        return self._index.manifest.embedder or None

    @property
    def embedder_url(self) -> str:
        """Where the embedder was asked when the index was built (see ``Manifest``)."""
        return self._index.manifest.embedder_url

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
        """See ``Retriever.search``. Without a graph it is exact, in one rung."""
        k = max(0, min(k, len(self._index)))
        if vector is None:
            return await in_turn(partial(self._by_words_alone, query, k))

        async def by_words(depth: int) -> Ranking:
            return await in_turn(partial(self._index.by_words, query, depth))

        async def by_vector(depth: int, ef: int | None) -> Ranking:
            return await in_turn(partial(self._index.by_vector, vector, depth, ef))

        calibration = self._index.manifest.calibration
        ef = calibration.ef_search if calibration is not None else None
        lexical, dense = await rank_both(
            by_words, by_vector, k, ef=ef, hurry=hurry if self._ladder else None
        )
        hits = await in_turn(partial(self._hits, lexical, dense.ranking, k))
        return Found(hits=hits, rungs=dense.rungs, mature=dense.mature)

    def _by_words_alone(self, query: str, k: int) -> Found:
        return Found(hits=self._hits(self._index.by_words(query, k), (), k))

    def _hits(self, lexical: Ranking, dense: Ranking, k: int) -> tuple[Hit, ...]:
        places = best_places(lexical, dense, k)
        return tuple(place.hit(self._index.passage(place.number)) for place in places)

    async def aclose(self) -> None:
        """Nothing is held that others could use: the files are mapped."""
