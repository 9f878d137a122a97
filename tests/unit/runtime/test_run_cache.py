"""The response cache in a run: billed nothing, the list price shown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.scripted_runs import ANSWER, SEARCH, agent, rows, searching

from lean_agent import Budget, Ledger
from lean_agent.events import Token
from lean_agent.models.pricing import PriceTable
from lean_agent.models.response_cache import ResponseCache


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    return ResponseCache(tmp_path / "responses.sqlite")


@pytest.fixture
def prices(tmp_path: Path) -> PriceTable:
    path = tmp_path / "prices.toml"
    path.write_text('[models."scripted:test"]\ninput = "1000"\noutput = "2000"\n')
    return PriceTable(path)


async def test_the_second_run_sends_nothing_and_costs_nothing(
    ledger: Ledger, cache: ResponseCache, prices: PriceTable
) -> None:
    script = [SEARCH, ANSWER, "29.8"]
    asked: list[str] = []
    subject, model = agent(script, ledger, cache=cache, prices=prices, tools=[searching(asked)])
    first = await subject.run("x", mode="agent")
    second = await subject.run("x", mode="agent")
    assert len(model.requests) == 3
    assert second.output == first.output == "29.8"
    assert (second.usage.cost, second.usage.total_tokens) == (Decimal(0), 0)
    assert second.usage.provenance == {"served"}
    assert second.saved.cost == first.usage.cost
    assert second.saved.total_tokens == first.usage.total_tokens
    assert second.steps == first.steps
    assert asked == ["gallium", "gallium"], "tools run: only the model's answers are kept"
    paid, served = rows(ledger, first), rows(ledger, second)
    assert [r["list_cost"] for r in served] == [r["cost"] for r in paid]
    assert {r["cost"] for r in served} == {Decimal(0)}
    assert [r["saved_tokens"] for r in served] == [
        r["input_tokens"] + r["output_tokens"] for r in paid
    ]
    assert {r["finish_reason"] for r in served} == {"served"}


async def test_sampling_is_never_served(ledger: Ledger, cache: ResponseCache) -> None:
    subject, model = agent(["one", "two"], ledger, cache=cache, temperature=0.8)
    assert [(await subject.run("x")).output for _ in range(2)] == ["one", "two"]
    assert len(model.requests) == 2


async def test_an_answer_cut_by_a_cap_is_not_kept(ledger: Ledger, cache: ResponseCache) -> None:
    subject, _ = agent(["word " * 100, "the whole"], ledger, cache=cache)
    cut = await subject.run("hello there", budget=Budget(tokens=60))
    assert cut.exit_status == "limit_exceeded"
    assert (await subject.run("hello there")).output == "the whole"


async def test_a_served_answer_is_streamed_and_a_step(ledger: Ledger, cache: ResponseCache) -> None:
    subject, _ = agent(["a few words"], ledger, cache=cache)
    await subject.run("x")
    events = [event async for event in subject.stream("x")]
    assert "".join(e.text for e in events if isinstance(e, Token)) == "a few words"
    none_left = await subject.run("x", budget=Budget(steps=0))
    assert (none_left.exit_status, none_left.limit) == ("limit_exceeded", "steps")


async def test_a_damaged_cache_is_a_miss(ledger: Ledger, cache: ResponseCache) -> None:
    cache.path.write_bytes(b"no database" * 100)
    subject, _ = agent(["fresh"], ledger, cache=cache)
    result = await subject.run("x")
    assert (result.output, result.exit_status) == ("fresh", "completed")
    assert any("cache" in notice for notice in result.notices)
