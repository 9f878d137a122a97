"""How an index of ours lies in Qdrant.

    NAME                   an alias: the generation that answers
    NAME-HASH              a collection: one generation of an index, by the hash of its manifest
      metadata.lean_agent  format, passages, embedder and its address, dimensions, efSearch
      point N              passage N: its id, title, text and source
        vector "dense"     the embedder's
        vector "words"     sparse: what each word adds to the passage's BM25 score

A query's sparse vector counts its words, so the inner product is the BM25 score that the index on
disk gives. A word's place is a hash of 32 bits: of 100,000 words, one pair shares a place on
average, and is then one word.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.words import words

__all__ = [
    "DEFAULT_COLLECTION",
    "DENSE",
    "FORMAT_VERSION",
    "WORDS",
    "Description",
    "answering",
    "sparse_query",
    "told_by",
    "word_place",
]

DEFAULT_COLLECTION = "lean-agent"
DENSE, WORDS = "dense", "words"
FORMAT_VERSION = 1
_OURS = "lean_agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a collection says of itself. ``ef_search`` reached the recall asked for when the index
    was built, in a graph of as many links; None: compare with every vector.
    """

    passages: int
    embedder: str
    dimensions: int
    ef_search: int | None
    embedder_url: str = ""
    format: int = FORMAT_VERSION

    def metadata(self) -> dict[str, Any]:
        return {_OURS: asdict(self)}

    def check_embedder(self, wanted: str, collection: str) -> None:
        """Raises ConfigurationError unless the vectors are those of ``wanted`` (empty: none)."""
        if self.embedder != wanted:
            raise ConfigurationError(
                f"the collection {collection} holds {_vectors(self.embedder)}, not"
                f" {_vectors(wanted)}",
                hint="use another one: --collection",
            )


def _vectors(embedder: str) -> str:
    return f"vectors of {embedder}" if embedder else "words alone"


def answering(client: Any, name: str) -> tuple[str, Description] | None:
    """The collection that answers under a name; None where there is none.

    Raises:
        ConfigurationError: the name is taken by something else, or by another version's.
    """
    aliases = {one.alias_name: one.collection_name for one in client.get_aliases().aliases}
    collection = aliases.get(name)
    if collection is None:
        if not client.collection_exists(name):
            return None
        collection = name
    found = told_by(client, collection)
    if not found or collection == name:
        raise ConfigurationError(
            f"the collection {name} was not made by lean-agent", hint="give another: --collection"
        )
    if found.get("format") != FORMAT_VERSION:
        raise ConfigurationError(
            f"the collection {name} has format {found.get('format')}; this is for {FORMAT_VERSION}",
            hint="push the index under another name: --collection",
        )
    return collection, Description(**found)


def told_by(client: Any, collection: str) -> dict[str, Any]:
    """What a collection of ours says of itself; nothing, where it is another's."""
    metadata: dict[str, Any] = client.get_collection(collection).config.metadata or {}
    return metadata.get(_OURS, {})


def word_place(word: str) -> int:
    """The dimension that stands for a word."""
    digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def sparse_query(query: str) -> tuple[list[int], list[float]]:
    """(places, how often each) of a query's words."""
    counts = Counter(word_place(word) for word in words(query))
    return list(counts), [float(count) for count in counts.values()]
