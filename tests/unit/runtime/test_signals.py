from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.fake_openai import FakeOpenAI

from lean_agent import Agent, tool
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.runtime import signals
from lean_agent.runtime.signals import names_held, signals_of
from lean_agent_tools.calculator import calculator
from lean_agent_tools.read_file import read_file
from lean_agent_tools.search import search_tool

ABOUT = "What does Maria pay?"


def look_up(query: str) -> str:
    """Look something up.

    Args:
        query: A few words.
    """
    return query


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_PATIENCE", 60.0)  # of a busy machine


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "rent.txt").write_text("Maria pays 700 a month for flat B12.")
    return folder


async def test_the_search_tool_knows_the_names_in_its_documents(documents: Path) -> None:
    tools = [calculator, search_tool(documents)]
    assert await names_held(ABOUT, tools) is True
    assert await names_held("Who rents B12?", tools) is True
    assert await names_held("What does Ludmilla pay?", tools) is False
    assert await names_held("what is two plus two?", tools) is None
    assert await names_held(ABOUT, [calculator]) is None


async def test_a_name_missing_from_the_documents_says_nothing_of_a_file(documents: Path) -> None:
    async def held(task: str, roots: Sequence[Path]) -> bool | None:
        tools = {"search": search_tool(documents), "read_file": read_file}
        found, _ = await signals_of(task, "auto", tools=tools, roots=roots, planners=())
        return found.names_held

    file = documents / "rent.txt"
    assert await held("What does Ludmilla pay?", [documents]) is False
    assert await held("What does Ludmilla pay?", [documents, file]) is None
    assert await held(ABOUT, [documents, file]) is True


async def test_documents_are_not_opened_for_a_forced_mode(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def holds(names: Sequence[str]) -> bool:
        asked.append(names)
        return True

    tools = {"look_up": tool(holds=holds)(look_up)}
    await signals_of(ABOUT, "agent", tools=tools, roots=[tmp_path], planners=())
    assert not asked
    await signals_of(ABOUT, "auto", tools=tools, roots=[tmp_path], planners=())
    assert asked == [["Maria"]]


async def test_who_cannot_tell_or_takes_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(names: Sequence[str]) -> bool:
        raise ValueError(names)

    assert await names_held(ABOUT, [tool(holds=broken)(look_up)]) is None
    assert await names_held(ABOUT, [search_tool(tmp_path)]) is None  # no document is there

    class Slow:
        spec = calculator.spec
        call = calculator.call

        async def holds(self, names: Sequence[str]) -> bool:
            await asyncio.sleep(60)
            return bool(names)

    monkeypatch.setattr(signals, "_PATIENCE", 0.01)
    assert await names_held(ABOUT, [Slow()]) is None


async def test_a_question_about_others_is_answered_at_once_though_documents_are_there(
    documents: Path, server: FakeOpenAI
) -> None:
    model = OpenAICompatibleModel("fake:model", base_url=server.url)
    agent = Agent(model=model, tools=[search_tool(documents)], roots=[documents])
    decision = await agent.explain("What is the capital of Australia?")
    assert decision.way.name == "instant>agent"
    assert (await agent.explain(ABOUT)).way.name == "agent"
