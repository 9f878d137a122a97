"""The search tool over an index, and over a collection of one's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.embedding import TrigramEmbedder
from support.scripted_runs import ANSWER, agent

from lean_agent import Budget, ConfigurationError, Ledger, RunContext
from lean_agent.embedder import Embedded
from lean_agent.errors import ModelError, RetrievalError
from lean_agent.ledger import queries
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index_folder import default_folder
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.retriever import Found, at_once
from lean_agent_tools.search import SearchTool, search_tool


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lean_agent._paths.cache_dir", lambda: tmp_path / "cache")
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "whales.md").write_text("# Whales\n\nThe blue whale is the largest animal.")
    (folder / "trees.txt").write_text("The oldest tree is a pine.")
    (folder / "cats.txt").write_text("The cheetah is the fastest cat.")
    for file in folder.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return folder


class Watched:
    """A context that keeps what a person is told."""

    def __init__(self, **more: Any) -> None:
        self.told: list[str] = []
        self.ctx = replace(RunContext(), log=self.told.append, **more)

    async def search(self, tool: SearchTool, query: str) -> str:
        return await tool.call({"query": query}, self.ctx)


class Recording:
    """A collection that keeps what it was asked for."""

    name = "test collection"

    def __init__(self, embedder: str | None = None, error: Exception | None = None) -> None:
        self.embedder = embedder
        self.asked: list[tuple[str, int, bool, bool]] = []
        self._error = error

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        self.asked.append((query, k, vector is not None, hurry()))
        if self._error is not None:
            raise self._error
        return Found(hits=())

    async def aclose(self) -> None:
        raise AssertionError("it is the caller's to close")


class Failing(TrigramEmbedder):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def embed(self, texts: Sequence[str]) -> Embedded:
        raise self.error


async def test_without_an_index_words_alone_count_and_that_is_told_once(folder: Path) -> None:
    person, tool = Watched(), search_tool(folder)
    assert "whales.md" in await person.search(tool, "largest animal")
    await person.search(tool, "oldest pine")
    assert person.told == ["the documents are searched by their words alone (BM25)"]


async def test_an_index_of_words_finds_what_memory_does(folder: Path) -> None:
    in_memory = await Watched().search(search_tool(folder), "the largest animal")
    await build_index(folder, default_folder(folder))
    person = Watched()
    assert await person.search(search_tool(folder), "the largest animal") == in_memory
    assert person.told == ["the documents are searched by their words alone (BM25), in their index"]


async def test_an_index_with_vectors_finds_by_meaning_too(folder: Path) -> None:
    embedder = TrigramEmbedder()
    await build_index(folder, default_folder(folder), embedder=embedder)
    embedder.asked.clear()
    person, tool = Watched(), search_tool(folder, embedder=embedder, k=1)
    # No word of it stands in the documents; its letters do.
    assert "cats.txt" in await person.search(tool, "cheetahs")
    assert embedder.asked == ["cheetahs"]
    assert person.told == [
        "the documents are searched by words and by meaning (test:trigrams), in their index"
    ]


async def test_the_folder_of_an_index_will_do_too(folder: Path, tmp_path: Path) -> None:
    await build_index(folder, tmp_path / "index")
    assert "whales.md" in await Watched().search(search_tool(tmp_path / "index"), "whale")
    shutil.rmtree(folder)
    # Without its source there is nothing that could be newer.
    assert "whales.md" in await Watched().search(search_tool(tmp_path / "index"), "whale")


async def test_an_index_named_itself_that_is_not_current_leaves_its_documents(
    folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere"
    await build_index(folder, place)
    (folder / "trees.txt").write_text("The oldest tree is a spruce.")
    person = Watched()
    found = await person.search(search_tool(place), "spruce generation")
    assert "trees.txt" in found
    assert "files.jsonl" not in found
    assert person.told[0].endswith(f"run: lean-agent index build {folder} --out {place}")
    next(place.glob("generation-*/manifest.json")).write_text("{")
    with pytest.raises(ConfigurationError, match="is damaged"):
        await search_tool(place).open()


async def test_a_question_goes_nowhere_but_to_where_the_documents_went(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = TrigramEmbedder("openai:text-embedding-3-small")
    vars(embedder)["base_url"] = "http://me:secret@127.0.0.1:9/v1"
    built = await build_index(folder, default_folder(folder), embedder=embedder)
    assert built.manifest.embedder_url == "http://127.0.0.1:9/v1"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-no-key-at-all")
    person = Watched()
    assert "whales.md" in await person.search(search_tool(folder), "largest animal")
    assert "the documents were embedded at http://127.0.0.1:9/v1" in person.told[1]


@pytest.mark.parametrize("change", ["text", "new file", "removed"])
async def test_an_index_that_is_not_current_is_not_used(folder: Path, change: str) -> None:
    await build_index(folder, default_folder(folder))
    if change == "text":
        (folder / "trees.txt").write_text("The oldest tree is a spruce.")
    elif change == "new file":
        (folder / "more.txt").write_text("A spruce.")
    else:
        (folder / "cats.txt").unlink()
    person = Watched()
    found = await person.search(search_tool(folder), "cheetah spruce")
    assert ("spruce" in found) == (change != "removed")
    assert ("cheetah" in found) == (change != "removed")
    (told,) = person.told
    assert told.startswith("the documents are searched by their words alone (BM25): the")
    assert told.endswith(f"run: lean-agent index build {folder}")


async def test_a_file_that_was_only_touched_is_the_same(folder: Path) -> None:
    await build_index(folder, default_folder(folder))
    (folder / "cats.txt").touch()
    person = Watched()
    await person.search(search_tool(folder), "cheetah")
    assert person.told[0].endswith("in their index")


async def test_a_damaged_index_is_told_and_done_without(folder: Path) -> None:
    place = default_folder(folder)
    await build_index(folder, place)
    next(place.glob("generation-*/manifest.json")).write_text("{")
    person = Watched()
    assert "whales.md" in await person.search(search_tool(folder), "whale")
    assert "is damaged" in person.told[0]
    assert "run: lean-agent index build" in person.told[0]


async def test_damage_that_a_search_meets_is_told_to_the_person(folder: Path) -> None:
    place = default_folder(folder)
    await build_index(folder, place)
    texts = next(place.glob("generation-*")) / "words" / "texts.i32"
    texts.write_bytes(b"\x07" * texts.stat().st_size)
    person = Watched()
    with pytest.raises(ConfigurationError, match="damaged") as met:
        await person.search(search_tool(folder), "whale")
    assert person.told[-1] == f"search: {met.value.message}; {met.value.hint}"
    assert person.told[-1].endswith(f"run: lean-agent index build {folder}")


async def test_an_embedder_asked_for_wants_a_current_index_of_it(folder: Path) -> None:
    embedder = TrigramEmbedder()
    with pytest.raises(ConfigurationError, match="has no index") as refused:
        await search_tool(folder, embedder=embedder).open()
    assert "--embedder test:trigrams" in refused.value.hint
    await build_index(folder, default_folder(folder))
    with pytest.raises(ConfigurationError, match="without vectors"):
        await search_tool(folder, embedder=embedder).open()
    await build_index(folder, default_folder(folder), embedder=embedder)
    (folder / "trees.txt").write_text("The oldest tree is a spruce.")
    with pytest.raises(ConfigurationError, match="have changed"):
        await search_tool(folder, embedder=embedder).open()


@pytest.mark.parametrize(
    "error", [ModelError("the server is down", model="m"), ConfigurationError("no key")]
)
async def test_an_embedder_that_fails_leaves_words(folder: Path, error: Exception) -> None:
    await build_index(folder, default_folder(folder), embedder=TrigramEmbedder())
    person, tool = Watched(), search_tool(folder, embedder=Failing(error))
    found = await person.search(tool, "largest animal")
    assert "whales.md" in found
    assert found.endswith("\n\n(Found by words alone: the query could not be embedded.)")
    assert person.told[1] == f"searched by words alone: {error}"


async def test_an_embedder_nobody_knows_leaves_words(folder: Path) -> None:
    await build_index(folder, default_folder(folder), embedder=TrigramEmbedder())
    person = Watched()
    assert "whales.md" in await person.search(search_tool(folder), "largest animal")
    assert "no provider called 'test'" in person.told[1]


async def test_an_own_collection_is_asked_with_the_querys_vector() -> None:
    collection = Recording("test:trigrams")
    tool = search_tool(retriever=collection, embedder=TrigramEmbedder(), k=4)
    person = Watched(model_is_free=lambda: False)
    assert await person.search(tool, "tin") == "No passage matches."
    assert collection.asked == [("tin", 4, True, False)]
    await tool.aclose()
    assert await tool.open() is None


async def test_an_own_collection_without_vectors_is_asked_in_words() -> None:
    collection = Recording()
    await Watched().search(search_tool(retriever=collection), "tin")
    assert collection.asked == [("tin", 3, False, True)]


async def test_a_collection_that_cannot_be_searched_is_an_error_for_the_model(
    ledger: Ledger,
) -> None:
    tool = search_tool(retriever=Recording(error=RetrievalError("the server is down")))
    subject, _ = agent(
        ['{"tool":"search","arguments":{"query":"tin"}}', ANSWER, "?"], ledger, tools=[tool]
    )
    result = await subject.run("x", mode="agent")
    assert result.trajectory[0].observation == "Error: the server is down"
    assert result.exit_status == "completed"


def test_what_does_not_fit_together_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a folder or a retriever"):
        search_tool()
    with pytest.raises(ConfigurationError, match="a folder or a retriever"):
        search_tool(tmp_path, retriever=Recording())
    with pytest.raises(ConfigurationError, match="vectors of no embedder, not of test:trigrams"):
        search_tool(retriever=Recording(), embedder=TrigramEmbedder())


async def test_a_run_pays_for_the_query_and_prefetches_if_told_to(
    folder: Path, ledger: Ledger
) -> None:
    embedder = TrigramEmbedder("local:trigrams")
    await build_index(folder, default_folder(folder), embedder=embedder)
    seen: list[str] = []
    for prefetch in (False, True):
        retriever = await IndexRetriever.open(default_folder(folder))
        tool = search_tool(retriever=retriever, embedder=embedder, prefetch=prefetch)
        query = "Which animal is the largest?"
        script = [f'{{"tool":"search","arguments":{{"query":"{query}"}}}}', ANSWER, "the whale"]
        subject, _ = agent(script, ledger, tools=[tool])
        result = await subject.run(query, mode="agent")
        rows = queries.show(ledger.folder, result.run_id)
        paid = [r["purpose"] for r in rows if r["operation"] == "embeddings"]
        assert set(paid) == ({"prefetch"} if prefetch else {"embed"})
        seen.append(result.trajectory[0].observation)
    assert seen[0] == seen[1]


async def test_where_no_token_is_left_for_it_words_alone_count(
    folder: Path, ledger: Ledger
) -> None:
    embedder = TrigramEmbedder("openai:trigrams")
    await build_index(folder, default_folder(folder), embedder=embedder)
    embedder.asked.clear()
    tool = search_tool(folder, embedder=embedder)
    script = ['{"tool":"search","arguments":{"query":"largest animal"}}', ANSWER, "the whale"]
    subject, _ = agent(script, ledger, tools=[tool], budget=Budget(usd=1))
    result = await subject.run("x", mode="agent")
    assert embedder.asked == [], "its price is unknown"
    assert "whales.md" in result.trajectory[0].observation
    assert "by words alone" in result.trajectory[0].observation
    assert result.usage.cost == 0


async def test_an_embedder_that_fails_ahead_leaves_the_call_as_it_is(
    folder: Path, ledger: Ledger
) -> None:
    class FailsFirst(TrigramEmbedder):
        failures = 1

        async def embed(self, texts: Sequence[str]) -> Embedded:
            if self.failures:
                self.failures -= 1
                raise ModelError("busy", model=self.name)
            return await super().embed(texts)

    embedder = FailsFirst("local:trigrams")
    await build_index(folder, default_folder(folder), embedder=TrigramEmbedder("local:trigrams"))
    retriever = await IndexRetriever.open(default_folder(folder))
    tool = search_tool(retriever=retriever, embedder=embedder, prefetch=True)
    script = ['{"tool":"search","arguments":{"query":"Largest?"}}', ANSWER, "the whale"]
    subject, _ = agent(script, ledger, tools=[tool])
    result = await subject.run("Largest?", mode="agent")
    assert "by words alone" not in result.trajectory[0].observation
    rows = queries.show(ledger.folder, result.run_id)
    ends = [(r["purpose"], r["error_type"]) for r in rows if r["operation"] == "embeddings"]
    assert ends == [("prefetch", "model"), ("embed", None)]
