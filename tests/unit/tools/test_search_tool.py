from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lean_agent.retrieval.corpus
from lean_agent import ConfigurationError, RunContext, Tool
from lean_agent.retrieval.corpus import Corpus, load_corpus
from lean_agent_tools.search import search_tool

CTX = RunContext()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "whales.md").write_text("# Whales\n\nThe blue whale is the largest animal.")
    (tmp_path / "trees.txt").write_text("The oldest tree is a pine. " * 30)
    (tmp_path / "animals.csv").write_text("name,text\nAnt,A small animal\nCow,A large animal\n")
    return tmp_path


async def test_the_best_passages_are_numbered_with_title_and_source(folder: Path) -> None:
    text = await search_tool(folder, k=2).call({"query": "largest animal"}, CTX)
    assert text == (
        "[1] Whales (whales.md)\n# Whales\n\nThe blue whale is the largest animal.\n\n"
        "[2] Ant (animals.csv)\nA small animal"
    )


async def test_long_passages_are_cut(folder: Path) -> None:
    text = await search_tool(folder).call({"query": "oldest pine"}, CTX)
    assert text.startswith("[1] trees (trees.txt)\nThe oldest")
    assert text.endswith("...")
    assert len(text) < 550


async def test_nothing_found_is_said(folder: Path) -> None:
    assert await search_tool(folder).call({"query": "zebra"}, CTX) == "No passage matches."


def test_the_spec_is_small_and_safe(folder: Path) -> None:
    tool = search_tool(folder)
    assert isinstance(tool, Tool)
    assert tool.spec.name == "search"
    assert not tool.spec.side_effects
    assert tool.spec.concurrency_safe
    assert list(tool.spec.parameters["properties"]) == ["query"]


async def test_searches_at_the_same_time_share_one_reading(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[Path] = []

    def counted(folder: Path) -> Corpus:
        readings.append(folder)
        return load_corpus(folder)

    monkeypatch.setattr(lean_agent.retrieval.corpus, "load_corpus", counted)
    tool = search_tool(folder)
    found = await asyncio.gather(*(tool.call({"query": "whale"}, CTX) for _ in range(8)))
    assert len(set(found)) == 1
    await tool.open()
    assert readings == [folder]


def test_several_event_loops_may_use_one_tool(folder: Path) -> None:
    tool = search_tool(folder)

    def one(_n: int) -> str:
        return asyncio.run(tool.call({"query": "whale"}, CTX))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(8)))) == 1


async def test_open_reads_ahead_and_says_what_was_left_out(folder: Path) -> None:
    (folder / "image.png").write_bytes(b"\0")
    corpus = await search_tool(folder).open()
    assert corpus is not None
    assert (corpus.files, corpus.passages) == (3, 4)
    assert corpus.skipped[0].reason == "binary"


async def test_a_folder_that_was_empty_is_read_again(tmp_path: Path) -> None:
    tool = search_tool(tmp_path)
    with pytest.raises(ConfigurationError, match="no readable documents"):
        await tool.call({"query": "x"}, CTX)
    (tmp_path / "late.txt").write_text("late words")
    assert "late words" in await tool.call({"query": "late"}, CTX)


def test_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        search_tool(tmp_path / "missing")
