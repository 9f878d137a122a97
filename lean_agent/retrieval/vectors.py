"""The passages' vectors in a folder, mapped, and the search for those nearest to a query's.

Exact below EXACT_BELOW vectors, where comparing with every one takes milliseconds; a graph above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent.retrieval.arrays import map_array, write_array
from lean_agent.retrieval.embedding_journal import KEY_BYTES
from lean_agent.retrieval.graph import Calibration, build_graph, search_parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EXACT_BELOW", "Vectors", "write_vectors"]

EXACT_BELOW = 50_000


def write_vectors(
    folder: Path,
    keys: Sequence[bytes],
    vectors: NDArray[np.float32],
    *,
    recall: float,
    exact_below: int = EXACT_BELOW,
    progress: Callable[[int, int], None],
) -> Calibration | None:
    """Write one unit vector a passage into an existing folder and, if they are many, a graph over
    them, of which the calibration is returned. None where the search is exact: they are few, or no
    graph finds as much as ``recall``.
    """
    import faiss as untyped
    import numpy as np

    faiss: Any = untyped
    count, dimensions = vectors.shape
    graph = build_graph(vectors, recall, progress) if count >= exact_below else None
    if graph is None:
        order: NDArray[np.int64] = np.arange(count, dtype=np.int64)
        storage = faiss.IndexFlatIP(dimensions)
        storage.add(vectors)
    else:
        order, storage = graph.order, graph.index.storage
        _write(graph.index, folder / "graph.faiss", faiss.IO_FLAG_SKIP_STORAGE)
    _write(storage, folder / "vectors.faiss")
    write_array(folder / "passages.u32", order.astype("<u4"))
    write_array(folder / "keys.bin", np.frombuffer(b"".join(keys), f"V{KEY_BYTES}")[order])
    return graph.calibration if graph is not None else None


class Vectors:
    """What ``write_vectors`` wrote. Searching from several threads at once is safe, and they run
    side by side.

    Raises:
        OSError, ValueError: files are missing or damaged.
    """

    def __init__(self, folder: Path, calibration: Calibration | None) -> None:
        self._passages = map_array(folder / "passages.u32", "<u4")
        self._keys = map_array(folder / "keys.bin", f"V{KEY_BYTES}")
        self._storage: Any = _map(folder / "vectors.faiss")
        self._index: Any = self._storage
        self._calibration = calibration
        if calibration is not None:
            self._index = _map(folder / "graph.faiss")
            self._index.storage = self._storage
            self._index.own_fields = False
        if self._index.d != self._storage.d:
            raise ValueError("the graph's vectors have another length")
        if not self._index.ntotal == self._storage.ntotal == len(self._keys) == len(self._passages):
            raise ValueError("the files of the vectors do not fit together")

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def dimensions(self) -> int:
        return int(self._storage.d)

    def search(
        self, vector: NDArray[np.float32], k: int, ef: int | None = None
    ) -> list[tuple[int, float]]:
        """(passage, cosine) of the ``k`` nearest, nearest first.

        ``ef`` is efSearch, how many candidates a graph is searched for at a time (at least ``k``);
        None takes the one that was chosen when it was built. An exact search has no use for it.
        """
        k = min(k, len(self))
        if k < 1:
            return []
        parameters = None
        if self._calibration is not None:
            parameters = search_parameters(max(ef or self._calibration.ef_search, k))
        query = vector.reshape(1, -1)
        cosines, rows = self._index.search(query, k, params=parameters)
        if rows[0, -1] < 0:  # many equal texts may cut others off from the rest of a graph
            cosines, rows = self._storage.search(query, k)
        return [
            (int(self._passages[row]), float(cosine))
            for row, cosine in zip(rows[0], cosines[0], strict=True)
        ]

    def rows_by_key(self) -> dict[bytes, int]:
        """Where the vector of each text stands (see ``text_key``)."""
        return {key.tobytes(): row for row, key in enumerate(self._keys)}

    def rows_by_passage(self) -> list[int]:
        """Where the vector of each passage stands."""
        import numpy as np

        return np.argsort(self._passages).tolist()

    def row(self, number: int) -> NDArray[np.float32]:
        return self._storage.reconstruct(number)


def _write(index: Any, path: Path, flags: int = 0) -> None:
    """Through Python, so that a full disk is an OSError."""
    import faiss as untyped

    faiss: Any = untyped
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write), flags)


def _map(path: Path) -> Any:
    import faiss as untyped

    faiss: Any = untyped
    path.stat()  # what faiss says of a missing file is a RuntimeError
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise ValueError(f"{path.name} cannot be read") from error
