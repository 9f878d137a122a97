"""A vector for each passage: from the old index, from the journal, or from the embedder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lean_agent._threads import in_daemon_thread, start_in_daemon_thread, to_its_end
from lean_agent.embedder import Embedder
from lean_agent.errors import ConfigurationError, LeanAgentError, LimitExceededError
from lean_agent.retrieval.embedding_journal import EmbeddingJournal, text_key
from lean_agent.retrieval.passages import Passages
from lean_agent.retrieval.vectors import Vectors
from lean_agent.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embeddings", "embed_passages"]

_FIRST_BATCH = 32
_LEAST_BATCH, _MOST_BATCH = 16, 512
_SECONDS = (1.0, 4.0)
"""How long a batch should take: a kill loses what is under way, and a bar moves by batches."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A key and a vector a passage; ``embedded`` texts were sent to the embedder, for ``usage``."""

    keys: list[bytes]
    vectors: NDArray[np.float32]
    embedded: int
    usage: Usage


async def embed_passages(
    passages: Passages,
    embedder: Embedder,
    old: Vectors | None,
    journal: EmbeddingJournal,
    progress: Callable[[int, int], None],
) -> Embeddings:
    """Embed what neither the old index nor the journal has; every batch is kept at once.

    Raises:
        ModelError: the embedder failed; ``usage`` is what was paid here before.
        LimitExceededError: its budget has no room for one more text; likewise.
        ConfigurationError: its vectors have another length than those of the same name before.
    """
    work = partial(_keys, passages, embedder.name, old, journal)
    keys, rows, wanted = await in_daemon_thread(work)
    missing = list(wanted.items())
    usage = Usage()
    size, done = _FIRST_BATCH, 0
    while done < len(missing):
        progress(done, len(missing))
        batch = missing[done : done + size]
        started = time.monotonic()
        try:
            made = await embedder.embed([text for _, text in batch])
        except LeanAgentError as error:
            if isinstance(error, LimitExceededError) and len(batch) > 1:
                size = len(batch) // 2  # what is left of the budget may do for fewer
                continue
            error.usage = usage + error.usage if error.usage else usage
            raise
        usage += made.usage
        keep = partial(journal.append, [key for key, _ in batch], made.vectors)
        await to_its_end(start_in_daemon_thread(keep))
        done += len(batch)
        size = _next_size(size, time.monotonic() - started)
        progress(done, len(missing))
    vectors = await in_daemon_thread(partial(_gather, keys, rows, old, journal, embedder))
    return Embeddings(keys, vectors, len(missing), usage)


def _next_size(size: int, seconds: float) -> int:
    """A quick embedder gets more texts at a time, which it may send side by side."""
    least, most = _SECONDS
    if seconds < least:
        return min(2 * size, _MOST_BATCH)
    return max(size // 2, _LEAST_BATCH) if seconds > most else size


def _keys(
    passages: Passages, embedder: str, old: Vectors | None, journal: EmbeddingJournal
) -> tuple[list[bytes], dict[bytes, int], dict[bytes, str]]:
    """Each passage's key, the old vectors' rows, and the texts that nobody has a vector of."""
    rows = old.rows_by_key() if old is not None else {}
    keys: list[bytes] = []
    wanted: dict[bytes, str] = {}
    for text in passages.searched():
        key = text_key(embedder, text)
        keys.append(key)
        if key not in rows and journal.get(key) is None:
            wanted[key] = text
    return keys, rows, wanted


def _gather(
    keys: list[bytes],
    rows: dict[bytes, int],
    old: Vectors | None,
    journal: EmbeddingJournal,
    embedder: Embedder,
) -> NDArray[np.float32]:
    import numpy as np

    found = [journal.get(key) for key in keys]
    if old is not None:
        found = [old.row(rows[k]) if v is None else v for k, v in zip(keys, found, strict=True)]
    vectors = [vector for vector in found if vector is not None]
    dimensions = {len(vector) for vector in vectors}
    if len(dimensions) > 1:
        raise ConfigurationError(
            f"{embedder.name} gives vectors of different lengths: {sorted(dimensions)}",
            hint="build into another folder: --out",
        )
    return np.stack(vectors)
