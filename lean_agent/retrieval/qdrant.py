"""A collection in Qdrant as a Retriever, for those who outgrow one machine. Spec: retrieval."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.fusion import Ranking, best_places
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.hybrid import rank_both
from lean_agent.retrieval.qdrant_collection import (
    DEFAULT_COLLECTION,
    DENSE,
    WORDS,
    Description,
    answering,
    sparse_query,
)
from lean_agent.retrieval.qdrant_place import CollectionGoneError, QdrantPlace
from lean_agent.retrieval.retriever import Found, at_once, check_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["QdrantRetriever"]


class QdrantRetriever:
    """What ``push_index`` has put there: words and vectors are ranked by Qdrant and fused here, as
    those of an index on disk are. Where it is pushed anew, that answers from then on. With
    ``ladder`` each rung is one more request (see ``climb``).
    """

    def __init__(
        self,
        place: QdrantPlace,
        collection: str,
        found: tuple[str, Description],
        *,
        ladder: bool = False,
    ) -> None:
        self._place = place
        self._collection = collection
        self._ladder = ladder
        self._generation = _Generation(place, *found)

    @classmethod
    async def open(
        cls,
        at: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        embedder: str | None = None,
        ladder: bool = False,
    ) -> QdrantRetriever:
        """Look what is there.

        Args:
            at: The server's URL, or the path of a folder of qdrant-client's local mode. A key is
                taken from QDRANT_API_KEY.
            collection: The name that the index was pushed under.
            embedder: The name of the embedder whose vectors are needed; None takes what is there.
            ladder: Look harder and harder instead of once.

        Raises:
            ConfigurationError: nothing of ours there, or another embedder's.
            RetrievalError: the server does not answer, or refuses.
        """
        place = QdrantPlace(at)
        try:
            found = None
            if not place.is_new():
                found = await place.call(lambda client: answering(client, collection))
            if found is None:
                command = f"lean-agent index push DIR --to {shlex.quote(at)}"
                if collection != DEFAULT_COLLECTION:
                    command += f" --collection {shlex.quote(collection)}"
                raise ConfigurationError(
                    f"no collection {collection} at {at}", hint=f"run: {command}"
                )
            if embedder is not None:
                found[1].check_embedder(embedder, collection)
        except BaseException:
            await place.aclose()
            raise
        return cls(place, collection, found, ladder=ladder)

    @property
    def name(self) -> str:
        return f"{self._collection} at {self._place.name}"

    @property
    def embedder(self) -> str | None:
        return self._generation.about.embedder or None

    @property
    def embedder_url(self) -> str:
        """Where the embedder was asked when the index was built (see ``Manifest``)."""
        return self._generation.about.embedder_url

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        """See ``Retriever.search``."""
        patience = hurry if self._ladder else None
        generation = self._generation
        try:
            return await generation.search(query, k, vector, patience)
        except CollectionGoneError:
            found = await self._place.call(lambda client: answering(client, self._collection))
            if found is None or found[0] == generation.name:
                raise
        self._generation = _Generation(self._place, *found)
        return await self._generation.search(query, k, vector, patience)

    async def aclose(self) -> None:
        await self._place.aclose()


@dataclass(frozen=True, slots=True)
class _Generation:
    place: QdrantPlace
    name: str
    about: Description

    async def search(
        self,
        query: str,
        k: int,
        vector: NDArray[np.float32] | None,
        hurry: Callable[[], bool] | None,
    ) -> Found:
        k = max(0, min(k, self.about.passages))
        if vector is not None:
            check_vector(vector, self.about.dimensions, self.about.embedder)
        if not k:
            return Found(hits=())

        async def by_words(depth: int) -> Ranking:
            return await self.place.call(lambda client: self._by_words(client, query, depth))

        async def by_vector(depth: int, ef: int | None) -> Ranking:
            return await self.place.call(lambda client: self._by_vector(client, nearest, depth, ef))

        if vector is None:
            return Found(hits=await self._hits(await by_words(k), (), k))
        nearest: list[float] = vector.tolist()
        ef = None if self.place.local else self.about.ef_search
        lexical, dense = await rank_both(by_words, by_vector, k, ef=ef, hurry=hurry)
        hits = await self._hits(lexical, dense.ranking, k)
        return Found(hits=hits, rungs=dense.rungs, mature=dense.mature)

    def _by_words(self, client: Any, query: str, k: int) -> Ranking:
        from qdrant_client import models

        indices, values = sparse_query(query)
        if not indices:
            return ()
        vector = models.SparseVector(indices=indices, values=values)
        return self._ranking(client, query=vector, using=WORDS, limit=k)

    def _by_vector(self, client: Any, vector: list[float], k: int, ef: int | None) -> Ranking:
        from qdrant_client import models

        def ranking(ef: int | None) -> Ranking:
            parameters = None
            if not self.place.local:  # where it is always exact
                parameters = models.SearchParams(exact=ef is None, hnsw_ef=ef)
            return self._ranking(
                client, query=vector, using=DENSE, limit=k, search_params=parameters
            )

        found = ranking(ef)
        # A graph may not lead to as many.
        return found if len(found) >= min(k, self.about.passages) else ranking(None)

    def _ranking(self, client: Any, **asked: Any) -> Ranking:
        points: list[Any] = client.query_points(self.name, with_payload=False, **asked).points
        # Of equal scores the earlier passage is the better one, as on disk.
        return sorted(((p.id, float(p.score)) for p in points), key=lambda one: (-one[1], one[0]))

    async def _hits(self, lexical: Ranking, dense: Ranking, k: int) -> tuple[Hit, ...]:
        places = best_places(lexical, dense, k)
        if not places:
            return ()
        numbers = [place.number for place in places]
        points: list[Any] = await self.place.call(
            lambda client: client.retrieve(self.name, numbers)
        )
        passages = {point.id: Passage(**point.payload) for point in points}
        return tuple(place.hit(passages[place.number]) for place in places)
