from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from support.embedding import TrigramEmbedder

from lean_agent.embedder import Embedder
from lean_agent.retrieval import building
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.corpus import load_corpus
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.lexical import LexicalIndex, LexicalRetriever
from lean_agent.retrieval.retriever import Found, Retriever
from lean_agent.retrieval.vectors import write_vectors
from lean_agent.testing import check_retriever


async def in_memory(folder: Path, _embedder: Embedder) -> Retriever:
    return LexicalRetriever(LexicalIndex(load_corpus(folder).passages))


async def on_disk(place: Path, folder: Path, embedder: Embedder) -> Retriever:
    built = await build_index(folder, place, embedder=embedder)
    return await IndexRetriever.open(built.folder, embedder=embedder.name)


async def words_on_disk(place: Path, folder: Path, _embedder: Embedder) -> Retriever:
    return await IndexRetriever.open((await build_index(folder, place)).folder)


async def test_in_memory() -> None:
    await check_retriever(in_memory)


async def test_on_disk(tmp_path: Path) -> None:
    await check_retriever(partial(on_disk, tmp_path / "index"))


async def test_on_disk_by_words_alone(tmp_path: Path) -> None:
    await check_retriever(partial(words_on_disk, tmp_path / "index"))


async def test_on_disk_with_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "write_vectors", partial(write_vectors, exact_below=0))
    made: list[Retriever] = []

    async def make(folder: Path, embedder: Embedder) -> Retriever:
        made.append(await on_disk(tmp_path / "index", folder, embedder))
        return made[0]

    await check_retriever(make)
    embedder = TrigramEmbedder()
    found = await made[0].search("cat", 5, vector=embedder.vector("cat"))
    assert found.rungs > 1


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
