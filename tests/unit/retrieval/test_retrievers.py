from __future__ import annotations

import asyncio
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.embedding import TrigramEmbedder

from lean_agent._threads import run_to_end
from lean_agent.embedder import Embedder
from lean_agent.retrieval import building
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.corpus import Passage, load_corpus
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.lexical import LexicalIndex, LexicalRetriever
from lean_agent.retrieval.retriever import Found, Retriever
from lean_agent.retrieval.vectors import write_vectors
from lean_agent.testing import check_retriever


async def in_memory(folder: Path, _embedder: Embedder) -> Retriever:
    return LexicalRetriever(LexicalIndex(load_corpus(folder).passages))


async def on_disk(
    place: Path, folder: Path, embedder: Embedder, *, ladder: bool = False
) -> Retriever:
    built = await build_index(folder, place, embedder=embedder)
    return await IndexRetriever.open(built.folder, embedder=embedder.name, ladder=ladder)


async def words_on_disk(place: Path, folder: Path, _embedder: Embedder) -> Retriever:
    return await IndexRetriever.open((await build_index(folder, place)).folder)


async def test_in_memory() -> None:
    await check_retriever(in_memory)


@pytest.mark.slow
async def test_on_disk(tmp_path: Path) -> None:
    await check_retriever(partial(on_disk, tmp_path / "index"))


async def test_on_disk_by_words_alone(tmp_path: Path) -> None:
    await check_retriever(partial(words_on_disk, tmp_path / "index"))


@pytest.mark.slow
@pytest.mark.parametrize("ladder", [False, True])
async def test_on_disk_with_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ladder: bool
) -> None:
    monkeypatch.setattr(building, "write_vectors", partial(write_vectors, exact_below=0))
    made: list[Retriever] = []

    async def make(folder: Path, embedder: Embedder) -> Retriever:
        made.append(await on_disk(tmp_path / "index", folder, embedder, ladder=ladder))
        return made[0]

    await check_retriever(make)
    embedder = TrigramEmbedder()
    found = await made[0].search("cat", 5, vector=embedder.vector("cat"))
    assert (found.rungs > 1) == ladder


class _Wrong(LexicalRetriever):
    """Finds what it should not."""

    def __init__(self, retriever: Retriever, break_: str) -> None:
        self._retriever = retriever
        self._break = break_

    @property
    def name(self) -> str:
        return "wrong"

    async def search(self, query: str, k: int = 5, **named: object) -> Found:  # type: ignore[override]
        if self._break == "vectors":
            named["vector"] = None
        if self._break == "k":
            k += 1
        found = await self._retriever.search(query, k, **named)  # type: ignore[arg-type]
        hits = found.hits
        if self._break == "order":
            hits = hits[::-1]
        if self._break == "twice":
            hits = hits[:1] * min(k, 2) if hits else hits
        return Found(hits=hits)


@pytest.mark.parametrize(
    ("break_", "rule"),
    [
        ("vectors", "must raise ConfigurationError"),
        ("k", "were asked for|came"),
        ("order", "scores must fall"),
        ("twice", "found twice"),
    ],
)
async def test_the_suite_says_which_rule_is_broken(break_: str, rule: str) -> None:
    async def make(folder: Path, embedder: Embedder) -> Retriever:
        return _Wrong(await in_memory(folder, embedder), break_)

    with pytest.raises(AssertionError, match=rule):
        await check_retriever(make)


@pytest.mark.slow
async def test_a_search_leaves_the_event_loop_to_others() -> None:
    """A search of 100,000 passages, in which each word stands in most: some milliseconds."""
    chance = np.random.default_rng(0)
    rows = chance.integers(20, size=(100_000, 30)).tolist()
    texts = (" ".join(f"word{number}" for number in row) for row in rows)
    index = LexicalIndex([Passage(str(n), "", text, "f") for n, text in enumerate(texts)])
    retriever = LexicalRetriever(index)
    query = " ".join(f"word{number}" for number in range(20))
    alone: list[float] = []
    waited: list[float] = []
    for _ in range(30):
        started = time.perf_counter()
        index.search(query)
        alone.append(time.perf_counter() - started)
        search = asyncio.ensure_future(retriever.search(query))
        longest, last = 0.0, time.perf_counter()
        while not search.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        waited.append(longest)
    # The quicker quarter: on a busy machine the system itself takes turns of some milliseconds.
    assert statistics.quantiles(waited, n=4)[0] < statistics.median(alone) / 2


async def test_from_several_event_loops_at_once(tmp_path: Path) -> None:
    """Each thread has a loop of its own, as synchronous runs side by side have."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.txt").write_text(f"Entry {number} of word{number}.")
    embedder = TrigramEmbedder()
    retriever = await on_disk(tmp_path / "index", folder, embedder)

    def ask(number: int) -> str:
        query = f"word{number}"
        found = run_to_end(retriever.search(query, 1, vector=embedder.vector(query)))
        return found.hits[0].passage.source

    with ThreadPoolExecutor(8) as pool:
        found = await asyncio.to_thread(lambda: list(pool.map(ask, range(50))))
    assert found == [f"{number}.txt" for number in range(50)]
