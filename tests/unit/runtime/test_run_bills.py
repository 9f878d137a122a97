"""What a provider bills is what the ledger has: its own bill, and output that nobody was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import agent

from lean_agent import Agent, Budget, Ledger
from lean_agent.ledger import queries
from lean_agent.models import endpoints
from lean_agent.models.endpoints import Endpoint
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable
from lean_agent.models.response_cache import ResponseCache

REASONING = {"choices": [{"index": 0, "delta": {"reasoning_content": "x" * 300}}]}
TEXT = {"choices": [{"index": 0, "delta": {"content": "x" * 30}}]}


def table(folder: Path, rate: str, name: str = "openrouter:test") -> PriceTable:
    path = folder / f"prices-{rate}.toml"
    path.write_text(f'[models."{name}"]\ninput = "{rate}"\noutput = "{rate}"\n')
    return PriceTable(path)


def calls(ledger: Ledger) -> list[dict[str, Any]]:
    columns, found = queries.sql(ledger.folder, "from entries where operation = 'chat' order by ts")
    return [dict(zip(columns, row, strict=True)) for row in found]


@pytest.fixture
async def model(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[OpenAICompatibleModel]:
    """A provider whose bills count."""
    ours = Endpoint(base_url=server.url, bills=True)
    monkeypatch.setitem(endpoints.ENDPOINTS, "openrouter", ours)
    made = OpenAICompatibleModel("openrouter:test", api_key="k")
    yield made
    await made.aclose()


async def test_the_providers_bill_is_entered_beside_the_list_price(
    server: FakeOpenAI, model: OpenAICompatibleModel, ledger: Ledger, tmp_path: Path
) -> None:
    server.say(Reply(text="Paris.", usage="openrouter"))
    asked = Agent(model=model, ledger=ledger, prices=table(tmp_path, "1"))
    result = await asked.run("Which city?", mode="instant", budget=Budget(usd=2))
    (row,) = calls(ledger)
    tokens = row["input_tokens"] + row["output_tokens"]
    assert result.usage.cost == row["cost"] == Decimal("0.5")
    assert row["list_cost"] == Decimal(tokens) / 1_000_000
    assert row["provenance"] == "measured"


async def test_reasoning_of_a_cancelled_run_is_charged(
    server: FakeOpenAI, model: OpenAICompatibleModel, ledger: Ledger, tmp_path: Path
) -> None:
    server.say(Reply(chunks=[REASONING], fault="stall"))
    asked = Agent(model=model, ledger=ledger, prices=table(tmp_path, "1"))

    async def watch() -> None:
        async for _event in asked.stream("Which city?", mode="instant"):
            pass

    task = asyncio.create_task(watch())
    await asyncio.to_thread(server.asked.wait, 5)
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = calls(ledger)
    assert (row["error_type"], row["output_tokens"]) == ("cancelled", 100)
    assert row["cost"] == Decimal(row["input_tokens"] + 100) / 1_000_000


@pytest.mark.slow
async def test_reasoning_before_an_answer_that_time_cut_short_is_charged(
    server: FakeOpenAI, model: OpenAICompatibleModel, ledger: Ledger, tmp_path: Path
) -> None:
    server.say(Reply(chunks=[REASONING, TEXT], fault="stall"))
    asked = Agent(model=model, ledger=ledger, prices=table(tmp_path, "1"))
    result = await asked.run("Which city?", mode="instant", budget=Budget(seconds=1.0))
    assert result.output == "x" * 30
    (row,) = calls(ledger)
    assert (row["finish_reason"], row["output_tokens"]) == ("aborted", 110)


async def test_what_the_cache_serves_is_listed_at_todays_price(
    ledger: Ledger, tmp_path: Path
) -> None:
    cache = ResponseCache(tmp_path / "answers.sqlite")
    for rate in ("1000", "3000"):
        prices = table(tmp_path, rate, "scripted:test")
        subject, _ = agent(["Paris."], ledger, cache=cache, prices=prices)
        await subject.run("Which city?", mode="instant")
    paid, served = calls(ledger)
    assert served["cost"] == 0
    assert served["list_cost"] == 3 * paid["cost"] > 0
