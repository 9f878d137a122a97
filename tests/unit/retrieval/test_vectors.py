from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray
from support.vectors import like_embeddings

from lean_agent.retrieval.embedding_journal import text_key
from lean_agent.retrieval.graph import EF_LADDER, Calibration, search_parameters
from lean_agent.retrieval.vectors import Vectors, write_vectors

Floats = NDArray[np.float32]


def silent(_done: int, _total: int) -> None:
    pass


def written(
    folder: Path,
    vectors: Floats,
    *,
    recall: float = 0.95,
    exact_below: int = 0,
    progress: Callable[[int, int], None] = silent,
) -> tuple[Vectors, Calibration | None]:
    keys = [text_key("e", str(number)) for number in range(len(vectors))]
    calibration = write_vectors(
        folder, keys, vectors, recall=recall, exact_below=exact_below, progress=progress
    )
    return Vectors(folder, calibration), calibration


def exact(vectors: Floats, queries: Floats) -> NDArray[np.int64]:
    untyped: Any = faiss
    return untyped.knn(queries, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)[1]


def recall(index: Vectors, queries: Floats, truth: NDArray[np.int64], ef: int | None) -> float:
    found = [[number for number, _ in index.search(query, 10, ef)] for query in queries]
    shared = [len(np.intersect1d(a, b)) / 10 for a, b in zip(found, truth, strict=True)]
    return statistics.fmean(shared)


def test_few_vectors_are_searched_exactly(tmp_path: Path) -> None:
    vectors = like_embeddings(500, 16, 0)
    index, calibration = written(tmp_path, vectors, exact_below=501)
    assert calibration is None
    assert (len(index), index.dimensions) == (500, 16)
    query = like_embeddings(1, 16, 1)[0]
    order = np.argsort(-(vectors @ query))[:7]
    hits = index.search(query, 7)
    assert [number for number, _ in hits] == order.tolist()
    assert [cosine for _, cosine in hits] == pytest.approx((vectors @ query)[order])
    assert len(index.search(query, 1_000)) == 500
    assert index.search(query, 0) == []


def test_a_graph_gives_passages_their_own_numbers(tmp_path: Path) -> None:
    vectors = like_embeddings(1_000, 16, 0)
    told: list[int] = []
    index, calibration = written(tmp_path, vectors, progress=lambda done, _: told.append(done))
    assert calibration is not None
    assert calibration.verified >= 0.9
    assert calibration.queries == 10
    assert told[-1] == 1_000
    assert [index.search(v, 1)[0][0] for v in vectors[:200]] == list(range(200))
    rows = index.rows_by_key()
    for number in (0, 17, 999):
        assert (index.row(rows[text_key("e", str(number))]) == vectors[number]).all()


def test_several_threads_with_a_breadth_each(tmp_path: Path) -> None:
    vectors = like_embeddings(2_000, 16, 0)
    index, _ = written(tmp_path, vectors)
    queries = like_embeddings(200, 16, 1)

    def found(number: int) -> list[tuple[int, float]]:
        return index.search(queries[number], 10, EF_LADDER[number % 5])

    alone = [found(number) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(found, range(200))) == alone


def test_where_no_graph_finds_enough_the_search_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lean_agent.retrieval.graph.EF_LADDER", (10,))
    noise = np.random.default_rng(0).standard_normal((4_000, 64)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    index, calibration = written(tmp_path, noise, recall=1)
    assert calibration is None
    assert recall(index, noise[:100], exact(noise, noise[:100]), None) == 1


def test_equal_vectors_do_not_spoil_the_recall(tmp_path: Path) -> None:
    vectors = np.repeat(like_embeddings(100, 16, 0), 30, axis=0)
    _, calibration = written(tmp_path, vectors)
    assert calibration is not None
    assert calibration.verified >= 0.95


@pytest.mark.slow
def test_as_many_come_as_are_asked_for_where_a_graph_falls_apart(tmp_path: Path) -> None:
    equal = np.repeat(like_embeddings(3, 32, 1), 150, axis=0)
    vectors = np.concatenate([equal, like_embeddings(9_000, 32, 2)])
    index, calibration = written(tmp_path, vectors, recall=0.9)
    assert calibration is not None
    untyped: Any = index
    query = like_embeddings(1, 32, 9)
    _, rows = untyped._index.search(query, len(vectors), params=search_parameters(len(vectors)))
    assert (rows < 0).any(), "the graph alone does not lead everywhere"
    found = index.search(query[0], len(vectors))
    assert {number for number, _ in found} == set(range(len(vectors)))


@pytest.mark.slow
@pytest.mark.parametrize("count", [10_000, 100_000])
def test_recall_of_queries_from_outside(count: int, tmp_path: Path) -> None:
    """Generator: like_embeddings, seed 0 for the index and 1 for the 1,000 queries."""
    vectors, queries = like_embeddings(count, 384, 0), like_embeddings(1_000, 384, 1)
    index, calibration = written(tmp_path, vectors)
    assert calibration is not None
    assert calibration.chosen >= 0.95
    assert calibration.verified >= 0.95
    truth = exact(vectors, queries)
    assert recall(index, queries, truth, None) >= 0.95
    assert recall(index, queries, truth, 1_024) >= 0.99


@pytest.mark.soak
def test_a_million_vectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Generator: like_embeddings of 384 dimensions, seed 0 for the index and 1 for the queries."""
    vectors, queries = like_embeddings(1_000_000, 384, 0), like_embeddings(1_000, 384, 1)
    started = time.perf_counter()
    index, calibration = written(tmp_path, vectors)
    seconds = time.perf_counter() - started
    assert calibration is not None
    assert calibration.verified >= 0.95
    found = recall(index, queries, exact(vectors, queries), None)
    assert found >= 0.95
    times: list[float] = []
    for query in queries:
        started = time.perf_counter()
        index.search(query, 10)
        times.append((time.perf_counter() - started) * 1e3)
    status = Path("/proc/self/status").read_text()
    figures = {
        "build_seconds": round(seconds),
        "recall_from_outside": round(found, 4),
        "peak_mb": int(status.split("VmHWM:")[1].split()[0]) // 1024,
        "p50_ms": round(statistics.median(times), 3),
        "p99_ms": round(statistics.quantiles(times, n=100)[-1], 3),
        **calibration.to_dict(),
    }
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures)}\n")
    assert figures["p99_ms"] < 100
