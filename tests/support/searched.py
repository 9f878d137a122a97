"""Searching an index from tests that are not async, or in threads of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lean_agent._threads import run_to_end
from lean_agent.retrieval.hits import Hit
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.index_retriever import IndexRetriever

__all__ = ["searched"]


def searched(
    index: Index, query: str, k: int = 5, *, vector: NDArray[np.float32] | None = None
) -> list[Hit]:
    return list(run_to_end(IndexRetriever(index).search(query, k, vector=vector)).hits)
