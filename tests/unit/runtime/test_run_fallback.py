"""A list of models, circuits and rates, on scripted models and servers that fail."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import ANSWER, SCHEMA, SEARCH, rows, searching

from lean_agent import Agent, Budget, Ledger, Message, ToolCall
from lean_agent.errors import (
    ConfigurationError,
    ContentFilterError,
    ModelError,
    RateLimitError,
    ServerDownError,
)
from lean_agent.events import Notice, RunFinished
from lean_agent.model import ModelCard
from lean_agent.models import circuit
from lean_agent.models.circuit import Circuit
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable
from lean_agent.models.rates import Rates
from lean_agent.models.scripted import ScriptedModel

GONE = ModelError("gone", status=410)


def two(
    first: list[Any], second: list[Any], ledger: Ledger, **more: Any
) -> tuple[Agent, ScriptedModel, ScriptedModel]:
    one, other = (
        ScriptedModel(script, name=f"scripted:{name}", card=more.pop(name, SCHEMA))
        for script, name in ((first, "one"), (second, "other"))
    )
    return Agent(model=[one, other], ledger=ledger, **more), one, other


async def test_the_next_model_goes_on_and_each_is_entered_as_itself(ledger: Ledger) -> None:
    subject, one, other = two([GONE], ["29.8"], ledger)
    result = await subject.run("x", mode="instant")
    assert (result.output, result.exit_status, result.steps) == ("29.8", "completed", 1)
    told = [(r["model"], r["attempt"], r["error_type"]) for r in rows(ledger, result)]
    assert told == [("one", 1, "model"), ("other", 2, None)]
    assert (len(one.requests), len(other.requests)) == (1, 1)


async def test_each_is_charged_at_its_own_price(ledger: Ledger, tmp_path: Path) -> None:
    dear = ModelCard(action_format="schema")
    table = tmp_path / "prices.toml"
    table.write_text('[models."scripted:other"]\ninput = "1000000"\noutput = "0"\n')
    prices = PriceTable(table)
    subject, _, other = two([GONE], ["29.8"], ledger, other=dear, prices=prices)
    result = await subject.run("x", mode="instant")
    count = await other.count_tokens(other.requests[0].messages, ())
    assert result.usage.cost == count


async def test_one_step_is_enough_for_both(ledger: Ledger) -> None:
    subject, _, _ = two([GONE], ["29.8"], ledger, budget=Budget(steps=1))
    assert (await subject.run("x", mode="instant")).output == "29.8"


async def test_the_run_stays_with_the_model_that_works(ledger: Ledger) -> None:
    subject, one, other = two([SEARCH, GONE], [ANSWER, "29.8"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, len(one.requests), len(other.requests)) == ("29.8", 2, 2)
    assert other.requests[0].messages == one.requests[1].messages


async def test_a_model_of_another_format_is_told_how_to_act(ledger: Ledger) -> None:
    native = ModelCard(action_format="native", self_hosted=True)
    call = Message("assistant", "", (ToolCall("call_1", "search", {"query": "gallium"}),))
    subject, _, other = two(
        [call, GONE], [SEARCH, ANSWER, "29.8"], ledger, one=native, tools=[searching()]
    )
    result = await subject.run("x", mode="agent")
    assert (result.output, result.tool_calls) == ("29.8", 2)
    first, second = (request.messages for request in other.requests[:2])
    assert '{"tool":"search"' in first[-1].content
    assert second[: len(first)] == first


async def test_the_last_ones_error_is_raised(ledger: Ledger) -> None:
    subject, _, _ = two([GONE], [ModelError("gone too", status=410)], ledger)
    with pytest.raises(ModelError, match="gone too"):
        await subject.run("x", mode="instant")


@pytest.mark.parametrize("kind", [ContentFilterError, ConfigurationError])
async def test_what_another_model_could_not_mend_is_raised_at_once(
    ledger: Ledger, kind: type[ModelError]
) -> None:
    subject, _, other = two([kind("no")], ["29.8"], ledger)
    with pytest.raises(kind):
        await subject.run("x", mode="instant")
    assert other.requests == []


async def test_a_long_rest_is_not_waited_for_where_another_can_answer(ledger: Ledger) -> None:
    busy = RateLimitError("slow down", retryable=True, retry_after=600)
    subject, one, _ = two([busy] * 3, ["29.8"], ledger)
    began = time.monotonic()
    assert (await subject.run("x", mode="instant")).output == "29.8"
    assert (len(one.requests), time.monotonic() - began < 5) == (1, True)


def test_a_dollar_cap_needs_the_price_of_each() -> None:
    subject, _, _ = two(["a"], ["b"], Ledger(), other=ModelCard())
    with pytest.raises(ConfigurationError, match="price of scripted:other is unknown"):
        subject.run_sync("x", budget=Budget(usd="1"))


def test_several_models_have_no_common_address() -> None:
    with pytest.raises(ConfigurationError, match="no common base_url"):
        Agent(model=["own:a", "own:b"], base_url="http://127.0.0.1:1/v1")


def at(server: FakeOpenAI, ledger: Ledger, **more: Any) -> Agent:
    card = ModelCard(action_format="native", self_hosted=True)
    model = OpenAICompatibleModel("fake:model", base_url=server.url, card=card)
    return Agent(model=model, ledger=ledger, mode="instant", **more)


@pytest.mark.slow
async def test_a_dead_server_is_left_alone_until_a_probe_finds_it_alive(
    server: FakeOpenAI, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "_FIRST_PAUSE", 1.0)
    server.say(*[Reply(status=500, headers={"retry-after": "0"})] * 5)
    async with at(server, ledger) as agent:
        for _ in range(2):
            with pytest.raises(ModelError) as caught:
                await agent.run("x")
            assert caught.value.result is not None
        cut = await asyncio.gather(*(agent.run("x", budget=Budget(seconds=0.5)) for _ in range(20)))
        assert {result.limit for result in cut} == {"seconds"}
        assert len(server.chats) == 5
        await asyncio.sleep(1.1)
        assert (await agent.run("x")).output == "ok"


async def test_where_a_circuit_is_open_the_next_model_answers_at_once(
    server: FakeOpenAI, ledger: Ledger
) -> None:
    dead = OpenAICompatibleModel("fake:dead", base_url=f"{server.url}/dead")
    other = ScriptedModel(["29.8"], card=SCHEMA)
    for _ in range(5):
        of = circuit.circuit_of(dead)
        of.leave(probe=of.enter(), failed=True)
    events = [
        e async for e in Agent(model=[dead, other], ledger=ledger).stream("x", mode="instant")
    ]
    assert server.chats == []
    told = [e.message for e in events if isinstance(e, Notice)]
    (notice,) = (message for message in told if "going on with scripted:test" in message)
    assert isinstance(events[-1], RunFinished)
    assert notice in events[-1].result.notices


async def test_an_open_circuit_charges_nothing_and_enters_no_call(
    server: FakeOpenAI, ledger: Ledger
) -> None:
    broken = Circuit("server")
    for _ in range(5):
        broken.leave(probe=broken.enter(), failed=True)
    circuit._circuits[server.url] = broken  # pyright: ignore[reportPrivateUsage]
    async with at(server, ledger, budget=Budget(seconds=2)) as agent:
        result = await agent.run("x")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "seconds")
    assert (server.chats, rows(ledger, result), result.usage.total_tokens) == ([], [], 0)
    with pytest.raises(ServerDownError):
        broken.enter()


@pytest.mark.slow
async def test_parallel_runs_share_the_rates_of_their_provider(
    server: FakeOpenAI, ledger: Ledger
) -> None:
    rates = {"fake": Rates(requests=600)}  # ten a second, after the first 600
    agents = [at(server, ledger, rates=rates) for _ in range(2)]
    for agent in agents:
        await agent.run("x")
    route = (await agents[0]._setup._settle_routes())[0]  # pyright: ignore[reportPrivateUsage]
    assert route.limiter is not None
    began = time.monotonic()
    while route.limiter.take(0).seconds == 0:
        pass
    await asyncio.gather(*(agent.run("x") for agent in agents for _ in range(3)))
    assert time.monotonic() - began >= 0.6
    for agent in agents:
        await agent.aclose()


async def test_rates_that_leave_no_turn_before_the_deadline_end_the_run_at_once(
    server: FakeOpenAI, ledger: Ledger
) -> None:
    rates = {"fake": Rates(requests=1)}
    async with at(server, ledger, rates=rates, budget=Budget(seconds=5)) as agent:
        assert (await agent.run("x")).output == "ok"
        began = time.monotonic()
        result = await agent.run("x")
    assert (result.limit, time.monotonic() - began < 3) == ("seconds", True)
    assert len(server.chats) == 1


async def test_an_answer_that_the_provider_withheld_is_an_error_and_paid_for(
    server: FakeOpenAI, ledger: Ledger
) -> None:
    server.say(Reply(text="", finish_reason="content_filter"))
    async with at(server, ledger) as agent:
        with pytest.raises(ContentFilterError, match="withheld") as caught:
            await agent.run("x")
    assert caught.value.result is not None
    [row] = rows(ledger, caught.value.result)
    assert (row["error_type"], row["input_tokens"] > 0) == ("content_filter", True)
    assert "estimated" not in row["provenance"]
