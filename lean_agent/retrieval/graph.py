"""Approximate search over a graph (HNSW), and how much it finds of what an exact search would.

Recall@10 is measured with vectors that are not in the graph yet: a hundredth of them, drawn at
random with a fixed seed, are held out while the rest is added, and go in afterwards. On one half of
these queries the least efSearch is chosen whose recall reaches the target with 99 % confidence
(one-sided); the other half says what it is worth. A vector as near as the tenth counts as found:
of equal texts it does not matter which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EF_LADDER", "Calibration", "Graph", "build_graph", "search_parameters"]

EF_LADDER = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024)

_LINKS = 32  # M
_EF_CONSTRUCTION = 80
_SEED = 0
_MAX_HELD_OUT = 2_000
_RECALL_AT = 10
_BLOCK = 5_000
_ONE_SIDED_99 = 2.326
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """How approximate a graph's answers are. ``chosen`` and ``verified`` are recall@10 against
    exact search, on the queries by which ``ef_search`` was chosen and on as many others.
    """

    ef_search: int
    target: float
    chosen: float
    verified: float
    queries: int
    seed: int = _SEED
    links: int = _LINKS
    ef_construction: int = _EF_CONSTRUCTION

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Graph:
    """``index`` is faiss' own; its row r is row ``order[r]`` of the vectors given."""

    index: Any
    order: NDArray[np.int64]
    calibration: Calibration


def build_graph(
    vectors: NDArray[np.float32], target: float, progress: Callable[[int, int], None]
) -> Graph | None:
    """Link unit vectors by their inner products: about a minute for 60,000 of 384 dimensions.
    None where no efSearch of the ladder reaches the target.
    """
    import faiss as untyped
    import numpy as np

    faiss: Any = untyped
    count, dimensions = vectors.shape
    order = np.random.default_rng(_SEED).permutation(count)
    held = min(max(count // 100, 2), _MAX_HELD_OUT)
    index: Any = faiss.IndexHNSWFlat(dimensions, _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF_CONSTRUCTION

    def add(start: int, end: int) -> None:
        for first in range(start, end, _BLOCK):
            last = min(first + _BLOCK, end)
            index.add(vectors[order[first:last]])
            progress(last, count)

    add(0, count - held)
    calibration = _calibrate(index, vectors[order[count - held :]], target)
    if calibration is None:
        return None
    add(count - held, count)
    return Graph(index, order, calibration)


def search_parameters(ef: int) -> Any:
    """efSearch for one search; the index is left as it is, so that threads may differ."""
    import faiss as untyped

    faiss: Any = untyped
    return faiss.SearchParametersHNSW(efSearch=ef)


def _calibrate(index: Any, queries: NDArray[np.float32], target: float) -> Calibration | None:
    import numpy as np

    exact, _ = index.storage.search(queries, _RECALL_AT)
    least = exact[:, -1:] - _ROUNDING
    half = len(queries) // 2

    def recalls(ef: int, part: slice) -> Any:
        found, _ = index.search(queries[part], _RECALL_AT, params=search_parameters(ef))
        return np.mean(found >= least[part], axis=1, dtype=np.float64)

    for ef in EF_LADDER:
        on_chosen = recalls(ef, slice(half))
        chosen, error = float(on_chosen.mean()), float(on_chosen.std()) / half**0.5
        if chosen - _ONE_SIDED_99 * error >= target:
            verified = float(recalls(ef, slice(half, None)).mean())
            return Calibration(ef, target, round(chosen, 4), round(verified, 4), len(queries))
    return None
