"""Fills a Qdrant collection from an index that was built, without embedding anything again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from lean_agent._threads import in_daemon_thread
from lean_agent.errors import RetrievalError
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.qdrant_collection import (
    DEFAULT_COLLECTION,
    DENSE,
    WORDS,
    Description,
    answering,
    told_by,
    word_place,
)
from lean_agent.retrieval.qdrant_place import QdrantPlace

__all__ = ["Pushed", "push_index"]

_BATCH = 128
_HASH_CHARS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """``generation`` is the collection that answers now; ``sent`` passages were missing there."""

    generation: str
    passages: int
    sent: int


def _silent(_done: int, _total: int) -> None:
    pass


async def push_index(
    index: Index,
    to: str,
    *,
    collection: str = DEFAULT_COLLECTION,
    progress: Callable[[int, int], None] = _silent,
) -> Pushed:
    """Make the collection what the index is. What it was before answers until all is there; a push
    that was cut off goes on where it was. Two at the same time disturb each other.

    Args:
        index: Is not embedded again.
        to: The server's URL, or a folder for qdrant-client's local mode (see ``QdrantRetriever``).
        collection: The name to search it by.
        progress: Told how many passages are there, and of how many.

    Raises:
        ConfigurationError: the collection is another's, or of another embedder; or the index is
            damaged.
        RetrievalError: the server does not answer, or refuses.
    """
    place = QdrantPlace(to)
    place.is_new()  # or refused
    try:
        push = _Push(index, place, collection)
        return await push.run(progress)
    finally:
        await place.aclose()


class _Push:
    def __init__(self, index: Index, place: QdrantPlace, name: str) -> None:
        manifest = index.manifest
        self._index = index
        self._place = place
        self._name = name
        self._about = Description(
            passages=manifest.passages,
            embedder=manifest.embedder,
            embedder_url=manifest.embedder_url,
            dimensions=manifest.dimensions,
            ef_search=manifest.calibration.ef_search if manifest.calibration else None,
        )
        known = repr(sorted(asdict(manifest).items()))
        self._generation = f"{name}-{hashlib.sha256(known.encode()).hexdigest()[:_HASH_CHARS]}"

    async def run(self, progress: Callable[[int, int], None]) -> Pushed:
        total = self._about.passages
        before = await self._place.call(lambda client: answering(client, self._name))
        if before is not None:
            before[1].check_embedder(self._about.embedder, self._name)
            if before[0] == self._generation:
                return Pushed(generation=self._generation, passages=total, sent=0)
        there = await self._place.call(self._begun)
        start = there - there % _BATCH
        await in_daemon_thread(self._index.check)  # what is sent answers on other machines, too
        points = await in_daemon_thread(partial(_Points, self._index))
        for first in range(start, total, _BATCH):
            last = min(first + _BATCH, total)
            batch = await in_daemon_thread(partial(points.batch, first, last))
            await self._place.call(lambda client, b=batch: client.upsert(self._generation, b))
            progress(last, total)
        await self._place.call(self._publish)
        return Pushed(generation=self._generation, passages=total, sent=total - start)

    def _begun(self, client: Any) -> int:
        """Make the generation's collection; how many points it has where it is there already."""
        from qdrant_client import models

        if client.collection_exists(self._generation):
            return client.count(self._generation, exact=True).count
        vectors: dict[str, Any] = {}
        if self._about.dimensions:
            vectors[DENSE] = models.VectorParams(
                size=self._about.dimensions, distance=models.Distance.DOT
            )
        graph = None
        if found := self._index.manifest.calibration:
            graph = models.HnswConfigDiff(m=found.links, ef_construct=found.ef_construction)
        client.create_collection(
            self._generation,
            vectors_config=vectors,
            sparse_vectors_config={WORDS: models.SparseVectorParams()},
            hnsw_config=graph,
            metadata=self._about.metadata(),
        )
        if not told_by(client, self._generation):
            client.delete_collection(self._generation)
            raise RetrievalError(
                f"{self._place.name} keeps no metadata", hint="Qdrant 1.16 or newer does"
            )
        return 0

    def _publish(self, client: Any) -> None:
        """Let the name stand for the generation, in one step, and remove the others."""
        from qdrant_client import models

        create = models.CreateAlias(collection_name=self._generation, alias_name=self._name)
        changes: list[Any] = [models.CreateAliasOperation(create_alias=create)]
        if any(one.alias_name == self._name for one in client.get_aliases().aliases):
            delete = models.DeleteAlias(alias_name=self._name)
            changes.insert(0, models.DeleteAliasOperation(delete_alias=delete))
        client.update_collection_aliases(changes)
        for one in client.get_collections().collections:
            prefix, _, digest = one.name.rpartition("-")
            if (
                prefix == self._name
                and len(digest) == _HASH_CHARS
                and one.name != self._generation
                and told_by(client, one.name)
            ):
                client.delete_collection(one.name)


class _Points:
    """The passages of an index as Qdrant's points."""

    def __init__(self, index: Index) -> None:
        import numpy as np

        self._index = index
        self._rows = index.vectors.rows_by_passage() if index.vectors is not None else []
        self._places = np.array([word_place(word) for word in index.bm25.words()], np.uint32)
        self._words = index.bm25.by_text()

    def batch(self, first: int, last: int) -> list[Any]:
        return [self._point(number) for number in range(first, last)]

    def _point(self, number: int) -> Any:
        import numpy as np
        from qdrant_client import models

        vectors: dict[str, Any] = {}
        if self._index.vectors is not None:
            vectors[DENSE] = self._index.vectors.row(self._rows[number]).tolist()
        columns, scores = self._words[number]
        if len(columns):
            places, which = np.unique(self._places[columns], return_inverse=True)
            vectors[WORDS] = models.SparseVector(
                indices=places.tolist(), values=np.bincount(which, scores).tolist()
            )
        payload = asdict(self._index.passage(number))
        return models.PointStruct(id=number, vector=vectors, payload=payload)
