"""Compaction as it is billed: by a server that caches prefixes, in a window whose tokens nobody
can count beforehand.
"""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply, tokens

from lean_agent import Agent, Budget, Ledger, Tool, tool
from lean_agent.events import ContextCompacted, Event, RunFinished
from lean_agent.model import ModelCard
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable
from lean_agent.result import RunResult
from lean_agent.runtime import making_room

pytestmark = pytest.mark.slow


def looking() -> Tool:
    @tool
    def look(number: int) -> str:
        """Look.

        Args:
            number: Where.
        """
        return (f"{number} is here. " * 4_000)[:4_000]

    return look


class CachingServer:
    """Looks ``looks`` times, then answers. What a prompt shares with the one before is cached."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._before: list[Any] = []

    def __call__(self, request: FakeRequest) -> Reply:
        messages = request.body["messages"]
        pairs = zip(messages, self._before, strict=False)
        shared = [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
        self._before = messages
        done = sum(message["role"] == "assistant" for message in messages)
        cached = tokens(json.dumps(shared))
        if done == self._looks:
            return Reply(text="done", cached_tokens=cached)
        call = (("look", json.dumps({"number": done})),)
        return Reply(text="Let me look. ", tool_calls=call, cached_tokens=cached)


async def run_on(
    server: FakeOpenAI, folder: Path, *, cached: str = "0.1", window: int = 200_000
) -> tuple[RunResult, list[ContextCompacted]]:
    table = folder / "prices.toml"
    table.write_text(
        f'[models."openai:x"]\ninput = "1"\ncached_input = "{cached}"\noutput = "4"\n',
        encoding="utf-8",
    )
    card = ModelCard(action_format="native", context_tokens=window)
    model = OpenAICompatibleModel("openai:x", base_url=server.url, api_key="k", card=card)
    agent = Agent(
        model=model,
        ledger=Ledger(folder / "ledger"),
        prices=PriceTable(table),
        tools=[looking()],
        budget=Budget(steps=60),
    )
    async with agent:
        events: list[Event] = [event async for event in agent.stream("x", mode="agent")]
    assert isinstance(events[-1], RunFinished)
    return events[-1].result, [e for e in events if isinstance(e, ContextCompacted)]


@pytest.mark.parametrize("cached", ["0.1", "0.25"])
async def test_where_as_many_calls_come_as_there_were_compacting_has_paid(
    cached: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pays = making_room.pays
    with FakeOpenAI(CachingServer(30)) as server:
        _, told = await run_on(server, tmp_path, cached=cached)
        sizes = [len(json.dumps(chat.body["messages"])) for chat in server.chats]
    assert {event.reason for event in told} == {"pays"}
    before = next(n for n, (one, after) in enumerate(itertools.pairwise(sizes), 1) if after < one)
    results: list[RunResult] = []
    for most in (1, 0):
        paying: list[bool] = []

        def once(*given: Any, most: int = most, paying: list[bool] = paying, **more: Any) -> bool:
            found = len(paying) < 2 * most and pays(*given, **more)  # it is asked twice a step
            paying.extend([True] * found)
            return found

        monkeypatch.setattr(making_room, "pays", once)
        with FakeOpenAI(CachingServer(2 * before - 1)) as server:
            result, told = await run_on(server, tmp_path, cached=cached)
        assert (len(told), result.steps, result.output) == (most, 2 * before, "done")
        results.append(result)
    compacted, plain = (result.usage.cost or Decimal(0) for result in results)
    assert Decimal(0) < compacted < plain


async def test_a_window_is_not_full_before_it_is(tmp_path: Path) -> None:
    # Four results of 1,000 tokens; as many bytes as that would be more than the window.
    with FakeOpenAI(CachingServer(4)) as server:
        result, told = await run_on(server, tmp_path, window=8_000)
    assert (result.output, told) == ("done", [])
    prompts = [request.body["messages"] for request in server.chats]
    for before, after in itertools.pairwise(prompts):
        assert after[: len(before)] == before


async def test_a_question_that_fits_is_sent_whatever_its_bytes(tmp_path: Path) -> None:
    card = ModelCard(action_format="native", context_tokens=4_000)
    with FakeOpenAI() as server:
        model = OpenAICompatibleModel("openai:x", base_url=server.url, api_key="k", card=card)
        async with Agent(model=model, ledger=Ledger(tmp_path)) as agent:
            result = await agent.run("word " * 1_600, mode="instant")
    assert result.output == "ok"
    assert server.chats[0].body["max_tokens"] == 512
