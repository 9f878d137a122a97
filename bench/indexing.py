"""What an index costs: to build beside plain bm25s and faiss calls, to open, and in memory.

Documents are invented: words of a vocabulary of 50,000 by Zipf's law, twenty passages a file.
Vectors are handed over, not computed: 384 dimensions, points around 1,000 topics (see ``vectors``).

The same work with plain calls is: read the files, cut them with the same function, tokenize, index
and save with bm25s (the texts with it), add to the same faiss index and write it. Both are done in
turn, round by round, each in a process of its own that has imported everything; figures are
medians. ``--large`` chunks are linked to a graph, where the plain calls do the same; measuring its
recall is then extra work of ours.

Opening is measured in a new process that has imported numpy, faiss and this package, with the files
in the page cache; memory is the kernel's RssAnon (what a process has for itself; mapped files are
shared and can be dropped).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lean_agent.embedder import Embedded
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.chunking import chunks
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.vectors import EXACT_BELOW
from lean_agent.usage import Usage

DIMENSIONS = 384
A_FILE = 20
ROUNDS = 3


def documents(folder: Path, passages: int) -> None:
    chance = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    lengths = chance.integers(3, 10, 50_000)
    vocabulary = ["".join(chance.choice(letters, length).tolist()) for length in lengths]
    for number in range(passages // A_FILE):
        ranks = np.minimum(chance.zipf(1.2, (A_FILE, 90)), len(vocabulary)) - 1
        paragraphs = [" ".join(map(vocabulary.__getitem__, row)) + "." for row in ranks.tolist()]
        (folder / f"{number:06}.txt").write_text("\n\n".join(paragraphs))


def vectors(count: int) -> NDArray[np.float32]:
    """Topics and their projection from 32 dimensions with noise, as an embedder's would lie."""
    chance = np.random.default_rng(0)
    topics = chance.standard_normal((1_000, 32), np.float32)
    projection = chance.standard_normal((32, DIMENSIONS), np.float32) / 32**0.5
    points = topics[chance.integers(1_000, size=count)]
    points = points + 0.7 * chance.standard_normal(points.shape, np.float32)
    made = points @ projection + chance.standard_normal((count, DIMENSIONS), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


class Given:
    """An embedder that has the vectors already."""

    name = "bench:given"

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self._rows = rows
        self._next = 0

    async def embed(self, texts: Sequence[str]) -> Embedded:
        start, self._next = self._next, self._next + len(texts)
        return Embedded(vectors=self._rows[start : self._next], usage=Usage())

    async def aclose(self) -> None:
        pass


# Each of these runs in a process of its own and prints what it found.


def ours(source: Path, place: Path, rows: NDArray[np.float32]) -> dict[str, Any]:
    import bm25s
    import faiss
    import filelock

    del bm25s, faiss, filelock
    start = time.perf_counter()
    built = asyncio.run(build_index(source, place, embedder=Given(rows)))
    seconds = time.perf_counter() - start
    found = built.manifest.calibration
    index = Index.open(place)
    return {
        "seconds": seconds,
        "passages": built.manifest.passages,
        "bytes": index.bytes_on_disk(),
        "calibration": found and found.to_dict(),
    }


def plain(source: Path, place: Path, rows: NDArray[np.float32]) -> dict[str, Any]:
    import bm25s
    import faiss as untyped

    library: Any = bm25s
    faiss: Any = untyped
    start = time.perf_counter()
    texts = [
        f"{path.stem}\n{chunk}"
        for path in sorted(source.iterdir())
        for chunk in chunks(path.read_text())
    ]
    tokens = library.tokenize(texts, stopwords="en", show_progress=False)
    made = library.BM25(corpus=texts)
    made.index(tokens, show_progress=False)
    made.save(place, corpus=texts)
    if len(texts) < EXACT_BELOW:
        index = faiss.IndexFlatIP(DIMENSIONS)
    else:
        index = faiss.IndexHNSWFlat(DIMENSIONS, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80
    index.add(rows[: len(texts)])
    faiss.write_index(index, str(place / "index.faiss"))
    return {"seconds": time.perf_counter() - start, "passages": len(texts)}


def memory() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def opening(_source: Path, place: Path, rows: NDArray[np.float32]) -> dict[str, Any]:
    import faiss

    del faiss
    before = memory()
    start = time.perf_counter()
    index = Index.open(place)
    opened = time.perf_counter() - start
    start = time.perf_counter()
    retriever = IndexRetriever(index)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(retriever.search("first words of a question", 5, vector=rows[7]))
    first = time.perf_counter() - start
    held = memory() - before
    chance = np.random.default_rng(1)
    times: list[float] = []
    for number in chance.integers(len(index), size=200):
        query = " ".join(index.passages[int(number)].text.split()[:8])
        start = time.perf_counter()
        loop.run_until_complete(retriever.search(query, 5, vector=rows[number]))
        times.append(time.perf_counter() - start)
    loop.close()
    return {
        "opened": opened,
        "first": first,
        "held": held,
        "later": memory() - before,
        "p50": statistics.median(times),
        "p99": statistics.quantiles(times, n=100)[-1],
    }


STEPS = {step.__name__: step for step in (ours, plain, opening)}


def in_own_process(step: Callable[..., object], folder: Path, place: Path) -> dict[str, Any]:
    line = [sys.executable, __file__, "--step", step.__name__, str(folder), str(place)]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def compare(folder: Path, passages: int, rounds: int) -> None:
    (folder / "source").mkdir(parents=True)
    documents(folder / "source", passages)
    np.save(folder / "rows.npy", vectors(passages))
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    found: dict[str, Any] = {}
    for number in range(rounds):
        for step in (ours, plain):
            place = folder / f"{step.__name__}-{number}"
            found[step.__name__] = in_own_process(step, folder, place)
            seconds[step.__name__].append(found[step.__name__]["seconds"])
            if step is plain or number + 1 < rounds:
                shutil.rmtree(place)
    assert found["ours"]["passages"] == found["plain"]["passages"] == passages
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in middle.items():
        print(f"  {name:6} {each:7.2f} s, {passages / each:8,.0f} passages/s")
    print(f"  ours / plain, passages a second: {middle['plain'] / middle['ours']:.2f}")
    print(f"  {found['ours']['bytes'] / passages:,.0f} bytes a passage on disk")
    if found["ours"]["calibration"]:
        print(f"  {found['ours']['calibration']}")
    opened = [in_own_process(opening, folder, folder / f"ours-{rounds - 1}") for _ in range(5)]
    figures = {name: statistics.median(each[name] for each in opened) for name in opened[0]}
    print(
        f"  opened in {figures['opened'] * 1e3:.1f} ms, first search {figures['first'] * 1e3:.1f}"
    )
    print(
        f"  memory {figures['held'] / passages:.0f} bytes a passage after the first search,"
        f" {figures['later'] / passages:.0f} after 200 more"
    )
    print(f"  a search: p50 {figures['p50'] * 1e3:.1f} ms, p99 {figures['p99'] * 1e3:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=20_000, help="passages, searched exactly")
    parser.add_argument("--large", type=int, default=100_000, help="passages, linked to a graph")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("folders", nargs="*", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        folder, place = asked.folders
        rows = np.load(folder / "rows.npy", mmap_mode="r")
        print(json.dumps(STEPS[asked.step](folder / "source", place, rows)))
        return
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in ("bm25s", "faiss-cpu"))
    print(f"Python {platform.python_version()}, {versions}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        for passages, rounds in ((asked.small, asked.rounds), (asked.large, 1)):
            print(f"{passages:,} passages of {DIMENSIONS} dimensions, medians of {rounds}:")
            compare(Path(name) / str(passages), passages, rounds)


if __name__ == "__main__":
    main()
