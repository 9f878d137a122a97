from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.searched import searched
from support.vectors import like_embeddings

from lean_agent.embedder import Embedded
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index
from lean_agent.usage import Usage

COUNT = 100_000


class Given:
    """An embedder whose vectors are there already."""

    name = "test:given"

    def __init__(self) -> None:
        self._vectors = iter(like_embeddings(COUNT, 16, 0))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        vectors = np.stack([next(self._vectors) for _ in texts])
        return Embedded(vectors=vectors, usage=Usage())

    async def aclose(self) -> None:
        pass


@pytest.mark.slow
async def test_a_hundred_thousand_passages_open_within_100_ms(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for file in range(10):
        lines = (
            json.dumps(
                {"title": f"Entry {n}", "text": f"word{n} and word{n // 7} in topic{n % 100}"}
            )
            for n in range(file * COUNT // 10, (file + 1) * COUNT // 10)
        )
        (tmp_path / "docs" / f"{file}.jsonl").write_text("\n".join(lines))
    built = await build_index(tmp_path / "docs", tmp_path / "index", embedder=Given())
    assert built.manifest.passages == COUNT
    assert built.manifest.calibration is not None
    assert built.manifest.calibration.verified >= 0.95
    query = like_embeddings(1, 16, 1)[0]
    times: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        index = Index.open(tmp_path / "index")
        hits = searched(index, "word777", 5, vector=query)
        times.append(time.perf_counter() - started)
        assert len(index) == COUNT
        assert any(hit.passage.title == "Entry 777" for hit in hits)
    assert statistics.median(times) < 0.1


@pytest.mark.slow
def test_words_alone_need_neither_faiss_nor_bm25s(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cat.txt").write_text("The cat sat on the mat.")
    program = """
import asyncio, sys
from pathlib import Path
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.index_retriever import IndexRetriever
if sys.argv[2] == "build":
    asyncio.run(build_index(Path(sys.argv[1], "docs"), Path(sys.argv[1], "index")))
else:
    index = IndexRetriever(Index.open(Path(sys.argv[1], "index")))
    assert asyncio.run(index.search("cat")).hits
    assert not {"faiss", "bm25s"} & set(sys.modules)
"""
    for what in ("build", "search"):
        subprocess.run([sys.executable, "-c", program, str(tmp_path), what], check=True)
