"""Vectors as they come from an embedder, kept at once: what was embedded is not embedded again.

A build that is killed finds them at its next start; one that ends well has them in its index, and
the journal goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KEY_BYTES", "EmbeddingJournal", "text_key"]

KEY_BYTES = 16
_SYNC_SECONDS = 1.0


def text_key(embedder: str, text: str) -> bytes:
    """Stands for a text as one embedder sees it."""
    content = f"{embedder}\0{text}".encode()
    return hashlib.blake2b(content, digest_size=KEY_BYTES).digest()


class EmbeddingJournal:
    """A file of keys and vectors that only grows; one writer at a time.

    The first line says how many dimensions a vector has. What an interrupted write left at the end
    is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._vectors: dict[bytes, NDArray[np.float32]] = {}
        self._synced = 0.0
        self._recover()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        return self._vectors.get(key)

    def append(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep one vector a key: the end of this process cannot take it back, and a power cut only
        what came within a second.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        import numpy as np

        if self._file is None:
            self._file = self._path.open("wb")
            self._file.write(json.dumps({"dimensions": vectors.shape[1]}).encode() + b"\n")
        rows = np.array(vectors, "<f4")
        records = np.empty(len(rows), _record(rows.shape[1]))
        records["key"] = np.frombuffer(b"".join(keys), f"V{KEY_BYTES}")
        records["vector"] = rows
        self._file.write(records.data)
        self._file.flush()
        if time.monotonic() - self._synced >= _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        self._vectors.update(zip(keys, rows, strict=True))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _recover(self) -> None:
        import numpy as np

        try:
            with self._path.open("rb") as file:
                header = file.readline()
                dimensions = int(json.loads(header)["dimensions"])
                data = file.read()
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError):
            return  # not even the first line was written: it is begun anew
        record = _record(dimensions)
        whole = len(data) // record.itemsize
        rows = np.frombuffer(data, record, count=whole)
        # After a power cut a record may be blank; a real vector has length 1.
        good = np.abs(np.linalg.norm(rows["vector"], axis=1) - 1) < 0.1
        whole = int(np.argmin(good)) if not good.all() else whole
        for row in rows[:whole]:
            self._vectors[row["key"].tobytes()] = row["vector"]
        self._file = self._path.open("r+b")
        self._file.truncate(len(header) + whole * record.itemsize)
        self._file.seek(0, os.SEEK_END)


def _record(dimensions: int) -> np.dtype[np.void]:
    import numpy as np

    return np.dtype([("key", f"V{KEY_BYTES}"), ("vector", "<f4", (dimensions,))])
