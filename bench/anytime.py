"""What a ladder of efSearch gains: beside one efSearch at the recall asked for, and exact search.

Vectors: those of ``indexing`` (points around 1,000 topics in 32 dimensions, projected to 384, with
noise; seed 0), of which the last thousand are held out as queries. With ``--data`` also the
passages of HotpotQA by an embedder, where the queries are its questions, unlike any passage.

Each way is asked the same queries, one at a time, through the same awaits and threads as a
retriever does; ``work`` is how many candidates it looked at in all, of which a remote or a larger
search takes its time. ``plain`` calls the graph in this thread, for what the awaits cost.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from indexing import vectors
from numpy.typing import NDArray

from lean_agent._threads import in_daemon_thread
from lean_agent.models.registry import open_embedder
from lean_agent.retrieval.anytime import LADDER, climb
from lean_agent.retrieval.embedding_journal import text_key
from lean_agent.retrieval.fusion import FUSED_DEPTH, Ranking
from lean_agent.retrieval.vectors import Vectors, write_vectors

K = 10
QUERIES = 1_000
Floats = NDArray[np.float32]
Way = Callable[[Floats], Awaitable[tuple[Ranking, int]]]
"""A query in; what was found, and how many candidates were looked at."""


def opened(folder: Path, rows: Floats) -> tuple[Vectors, int]:
    keys = [text_key("bench", str(number)) for number in range(len(rows))]
    start = time.perf_counter()
    made = write_vectors(
        folder, keys, rows, recall=0.95, exact_below=0, progress=lambda _done, _total: None
    )
    assert made is not None
    print(
        f"{len(rows):,} vectors linked in {time.perf_counter() - start:.0f} s; efSearch"
        f" {made.ef_search} reaches recall@10 {made.chosen:.3f} where chosen, {made.verified:.3f}"
        " on as many others"
    )
    return Vectors(folder, made), made.ef_search


def ways(index: Vectors, enough: int, rows: Floats) -> dict[str, Way]:
    async def exact(query: Floats) -> tuple[Ranking, int]:
        def work() -> Ranking:
            scores = rows @ query
            best = np.argpartition(-scores, K)[:K]
            return [(int(n), float(scores[n])) for n in best[np.argsort(-scores[best])]]

        return await in_daemon_thread(work), len(rows)

    async def plain(query: Floats) -> tuple[Ranking, int]:
        return index.search(query, K, enough), enough

    async def fixed(query: Floats, ef: int) -> tuple[Ranking, int]:
        depth = max(K, min(ef, FUSED_DEPTH))
        return await in_daemon_thread(lambda: index.search(query, depth, ef)), ef

    async def ladder(query: Floats, wanted: int, waits: bool) -> tuple[Ranking, int]:
        looked = 0

        async def look(ef: int) -> Ranking:
            nonlocal looked
            looked += ef
            return (await fixed(query, ef))[0]

        found = await climb(look, K, enough=wanted, hurry=lambda: waits)
        return found.ranking, looked

    made: dict[str, Way] = {"exact": exact, f"plain, efSearch {enough}": plain}
    for ef in sorted({enough, *LADDER, 128}):
        made[f"efSearch {ef}" + (" (chosen)" if ef == enough else "")] = partial(fixed, ef=ef)
    made["ladder, to the chosen"] = partial(ladder, wanted=enough, waits=False)
    made["ladder, to 256, hurry"] = partial(ladder, wanted=256, waits=True)
    made["ladder, to 256"] = partial(ladder, wanted=256, waits=False)
    return made


def recall(rows: Floats, query: Floats, numbers: list[int], nearest: float) -> float:
    """The share that is as near as the tenth nearest."""
    near_enough: NDArray[np.bool_] = rows[numbers] @ query >= nearest - 1e-6
    return float(near_enough.mean())


async def measure(
    way: Way, queries: Floats, least: Floats, rows: Floats
) -> tuple[list[float], list[float], float]:
    """Each query's recall, its milliseconds, and the mean of the candidates looked at."""
    times: list[float] = []
    recalls: list[float] = []
    work = 0
    for query, nearest in zip(queries, least, strict=True):
        start = time.perf_counter()
        found, looked = await way(query)
        times.append((time.perf_counter() - start) * 1e3)
        work += looked
        recalls.append(recall(rows, query, [number for number, _ in found[:K]], nearest))
    return recalls, times, work / len(queries)


def compare(rows: Floats, queries: Floats) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index, enough = opened(Path(folder), rows)
        least = np.concatenate(
            [np.partition(block @ rows.T, -K)[:, -K] for block in np.array_split(queries, 20)]
        )
        print(
            f"  {len(queries):,} queries{'':15} recall@10 least  p50 ms  p99 ms   work    of chosen"
        )
        asked = ways(index, enough, rows)
        chosen = f"efSearch {enough} (chosen)"

        async def run() -> dict[str, tuple[list[float], list[float], float]]:
            await measure(asked[chosen], queries, least, rows)  # to warm up
            return {name: await measure(way, queries, least, rows) for name, way in asked.items()}

        measured = asyncio.run(run())
        usual = statistics.median(measured[chosen][1])
        for name, (recalls, times, work) in measured.items():
            p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[-1]
            print(
                f"  {name:26} {statistics.fmean(recalls):.4f}   {min(recalls):.1f}"
                f"   {p50:7.3f} {p99:7.3f}   {work:9,.0f}   {p50 / usual:6.2f} x"
            )
        agreement(index, queries, rows, least)


def agreement(index: Vectors, queries: Floats, rows: Floats, least: Floats) -> None:
    """How often two rungs agree in their best, and how good the second is where they do."""
    print(f"  rungs agree in 0.9 of their best{'':9} share   recall@10 of them   of the others")
    for compared in (5, K, FUSED_DEPTH):
        for low, high in itertools.pairwise(LADDER):
            if low < compared:
                continue
            agreed: dict[bool, list[float]] = {True: [], False: []}
            for query, nearest in zip(queries, least, strict=True):
                first, second = (
                    [number for number, _ in index.search(query, max(K, compared), ef)]
                    for ef in (low, high)
                )
                shared = len({*first[:compared]} & {*second[:compared]})
                found = recall(rows, query, second[:K], nearest)
                agreed[shared >= 0.9 * compared].append(found)
            yes, no = (statistics.fmean(agreed[each] or [1]) for each in (True, False))
            share = len(agreed[True]) / len(queries)
            what = f"{compared:3}: {low:3} and {high:5,}"
            print(f"    {what:36} {share:.3f}   {yes:.4f}              {no:.4f}")


async def hotpot(data: Path, embedder_name: str) -> tuple[Floats, Floats]:
    pages: dict[str, list[str]] = json.loads((data / "corpus.json").read_text())
    asked: list[dict[str, Any]] = json.loads((data / "questions.json").read_text())
    texts = [f"{title}\n{' '.join(lines)}" for title, lines in pages.items()]
    embedder = open_embedder(embedder_name)
    try:
        rows = [(await embedder.embed(texts[n : n + 64])).vectors for n in range(0, len(texts), 64)]
        queries = (await embedder.embed([question["question"] for question in asked])).vectors
    finally:
        await embedder.aclose()
    return np.concatenate(rows), queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="vectors")
    parser.add_argument("--data", type=Path, help="the folder hotpotqa_dev")
    parser.add_argument("--embedder", default="local:all-minilm-l6-v2", help="for --data")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    made = vectors(asked.count + QUERIES)
    compare(made[:-QUERIES], made[-QUERIES:])
    if asked.data:
        print("HotpotQA's passages and questions:")
        compare(*asyncio.run(hotpot(asked.data, asked.embedder)))


if __name__ == "__main__":
    main()
