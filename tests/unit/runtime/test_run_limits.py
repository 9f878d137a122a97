"""Limits, failures and what they cost, on a scripted model."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest
from support.scripted_runs import (
    ANSWER,
    SEARCH,
    agent,
    rows,
    searching,
)

from lean_agent import Budget, Ledger, tool
from lean_agent.errors import ConfigurationError, LeanAgentError, ModelError, ModelTimeoutError
from lean_agent.ledger import queries
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.pricing import PriceTable


async def test_tool_calls_are_entries_too(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH, SEARCH, ANSWER, "29.8"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    tools = [e for e in queries.show(ledger.folder, result.run_id) if e["tool"]]
    assert [(e["tool"], e["finish_reason"]) for e in tools] == [
        ("search", "done"),
        ("search", "served"),
    ]


async def test_usage_is_the_sum_of_the_ledgers_rows(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH, "nonsense", ANSWER, "ok"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    entries = rows(ledger, result)
    assert sum(r["input_tokens"] for r in entries) == result.usage.input_tokens
    assert sum(r["output_tokens"] for r in entries) == result.usage.output_tokens
    assert len(entries) == 4, "the malformed action was paid for too"


async def test_step_limit_ends_in_an_answer_from_the_slice_held_back(ledger: Ledger) -> None:
    script = [SEARCH.replace("gallium", str(i)) for i in range(9)]
    subject, model = agent(
        [*script[:2], "as far as I got"], ledger, tools=[searching()], budget=Budget(steps=3)
    )
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "steps")
    assert (result.output, result.steps, result.tool_calls) == ("as far as I got", 3, 2)
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("said", "output"),
    [
        ('{"tool": "answer", "arguments": {"text": "29.8"}}', "29.8"),
        ('{"tool": "answer"}', ""),
        (SEARCH, SEARCH),
        (
            '<tool>{"name": "search", "arguments": {"query": "tin"}}</tool>',
            '<tool>{"name": "search", "arguments": {"query": "tin"}}</tool>',
        ),
        ('{"kelvin": 302.9}', '{"kelvin": 302.9}'),
        ('{"name": "gallium", "kelvin": 302.9}', '{"name": "gallium", "kelvin": 302.9}'),
        ('{"name": "search", "arguments": 1', '{"name": "search", "arguments": 1'),
        ("29.8", "29.8"),
    ],
)
async def test_the_text_of_an_action_that_answers_is_the_answer(
    said: str, output: str, ledger: Ledger
) -> None:
    subject, _ = agent([SEARCH, said], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent", budget=Budget(steps=2))
    assert (result.exit_status, result.output) == ("limit_exceeded", output)
    assert result.messages[-1].content == said, "the work is kept as it was"
    assert bool(result.notices) == (not output)


async def test_tool_call_limit_refuses_the_call_and_answers(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent(
        [SEARCH, SEARCH.replace("gallium", "tin"), "known so far"],
        ledger,
        tools=[searching(asked)],
        budget=Budget(tool_calls=1),
    )
    result = await subject.run("x", mode="agent")
    assert asked == ["gallium"]
    assert (result.exit_status, result.limit, result.tool_calls) == (
        "limit_exceeded",
        "tool_calls",
        1,
    )
    assert result.output == "known so far"
    assert "Refused" in model.requests[-1].messages[-2].content


async def test_token_cap_is_never_passed_and_shrinks_the_output(ledger: Ledger) -> None:
    subject, model = agent(["word " * 400], ledger, budget=Budget(tokens=200))
    result = await subject.run("hello there")
    sent = model.requests[0].max_output_tokens
    assert sent is not None
    assert sent < 200
    assert result.usage.total_tokens <= 200


async def test_token_cap_too_small_for_any_call_sends_nothing(ledger: Ledger) -> None:
    subject, model = agent(["never"], ledger, budget=Budget(tokens=5))
    result = await subject.run("hello there")
    assert (result.exit_status, result.limit, result.output) == ("limit_exceeded", "tokens", "")
    assert model.requests == []


async def test_dollar_cap_on_an_unpriced_model_is_refused_before_anything(ledger: Ledger) -> None:
    card = ModelCard(action_format="schema")
    subject, model = agent(["never"], ledger, card, budget=Budget(usd=Decimal("0.10")))
    with pytest.raises(ConfigurationError, match="price of scripted:test is unknown") as caught:
        await subject.run("hello")
    assert "prices.toml" in caught.value.hint
    assert model.requests == []


@pytest.mark.slow
async def test_a_machine_by_the_hour_is_stopped_when_its_money_is_gone(
    ledger: Ledger, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[machines."scripted:test"]\nusd_per_hour = "36"\n')  # a cent a second

    async def slow(request: ModelRequest) -> str:
        async with asyncio.timeout(request.timeout):
            await asyncio.sleep(30)
        return "never"

    async def asleep(request: ModelRequest) -> str:
        try:
            return await slow(request)
        except TimeoutError:
            raise ModelTimeoutError("too slow", model="scripted:test") from None

    subject, model = agent(
        [asleep, "in time"],
        ledger,
        tools=[searching()],
        budget=Budget(usd="0.012"),
        prices=PriceTable(prices),
    )
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "usd")
    assert result.output == "in time"
    assert result.usage.cost is not None
    assert 0 < result.usage.cost <= Decimal("0.012")
    assert all(r.timeout is not None for r in model.requests)


async def test_unpriced_model_without_a_cap_runs_and_its_cost_is_unknown(ledger: Ledger) -> None:
    subject, _ = agent(["hi"], ledger, ModelCard(action_format="schema"))
    result = await subject.run("hello")
    assert result.usage.cost is None
    assert result.usage.provenance == {"unpriced"}


@pytest.mark.slow
async def test_seconds_limit_still_answers(ledger: Ledger) -> None:
    @tool
    async def slow(query: str) -> str:
        """Wait.

        Args:
            query: Anything.
        """
        await asyncio.sleep(30)
        return query

    call = '{"tool":"slow","arguments":{"query":"x"}}'
    subject, _ = agent([call, "in time"], ledger, tools=[slow], budget=Budget(seconds=0.6))
    started = time.monotonic()
    result = await subject.run("x", mode="agent")
    assert time.monotonic() - started < 5
    assert result.exit_status == "limit_exceeded"
    assert result.limit == "seconds"


async def test_a_fatal_error_keeps_the_work_and_the_spend(ledger: Ledger) -> None:
    fatal = ModelError("the server is gone", model="scripted:test")
    subject, _ = agent([SEARCH, fatal], ledger, tools=[searching()])
    with pytest.raises(ModelError) as caught:
        await subject.run("x", mode="agent")
    partial = caught.value.result
    assert partial is not None
    assert (partial.exit_status, partial.tool_calls) == ("failed", 1)
    assert partial.trajectory[0].tool == "search"
    assert [r["error_type"] for r in rows(ledger, partial)] == [None, "model"]


async def test_retryable_errors_are_tried_again_and_each_attempt_is_an_entry(
    ledger: Ledger,
) -> None:
    busy = ModelError("busy", model="scripted:test", retryable=True, retry_after=0.01)
    subject, _ = agent([busy, busy, "here"], ledger)
    result = await subject.run("hello")
    assert result.output == "here"
    assert [(r["attempt"], r["error_type"]) for r in rows(ledger, result)] == [
        (1, "model"),
        (2, "model"),
        (3, None),
    ]


@pytest.mark.parametrize("task", ["", "  \n", "x" * 1_000_001])
async def test_impossible_questions_are_refused(task: str, ledger: Ledger) -> None:
    subject, model = agent(["never"], ledger)
    with pytest.raises(ConfigurationError):
        await subject.run(task)
    assert model.requests == []


async def test_question_larger_than_the_window_is_refused_with_a_typed_error(
    ledger: Ledger,
) -> None:
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=100)
    subject, model = agent(["never"], ledger, card)
    with pytest.raises(ModelError, match="window of 100") as caught:
        await subject.run("long " * 500)
    assert caught.value.code == "context_length"
    assert model.requests == []


async def test_an_answer_that_a_cap_cut_short_is_no_completed_run(ledger: Ledger) -> None:
    subject, _ = agent(["word " * 400], ledger, budget=Budget(tokens=200))
    result = await subject.run("hello there", mode="instant")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "tokens")
    assert result.output


async def test_a_run_without_any_answer_has_failed(ledger: Ledger) -> None:
    subject, _ = agent([""], ledger)
    result = await subject.run("hello", mode="instant")
    assert (result.exit_status, result.output) == ("failed", "")
    assert any("empty" in notice for notice in result.notices)


async def test_a_wait_longer_than_the_time_left_ends_the_run_at_once(ledger: Ledger) -> None:
    busy = ModelError("busy", model="scripted:test", retryable=True, retry_after=20)
    subject, model = agent([busy, "never"], ledger, budget=Budget(seconds=2))
    started = time.monotonic()
    result = await subject.run("hello")
    assert time.monotonic() - started < 2
    assert (result.exit_status, result.limit) == ("limit_exceeded", "seconds")
    assert len(model.requests) == 1


async def test_a_probe_that_does_not_fit_the_cap_does_not_lose_the_run(ledger: Ledger) -> None:
    card = ModelCard(self_hosted=True)
    subject, _ = agent(
        ["in short"] * 3, ledger, card, tools=[searching()], budget=Budget(tokens=90)
    )
    result = await subject.run("x", mode="agent")
    assert result.exit_status == "limit_exceeded"
    assert result.usage.total_tokens <= 90


async def test_an_unexpected_exception_keeps_the_work_too(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH, ValueError("odd")], ledger, tools=[searching()])
    with pytest.raises(LeanAgentError, match="unexpected ValueError: odd") as caught:
        await subject.run("x", mode="agent")
    assert caught.value.result is not None
    assert caught.value.result.tool_calls == 1


async def test_a_failed_call_is_not_served_again_as_a_result(ledger: Ledger) -> None:
    tries: list[str] = []

    @tool
    def flaky(query: str) -> str:
        """Fail once.

        Args:
            query: Anything.
        """
        tries.append(query)
        if len(tries) == 1:
            raise ConnectionError("gone")
        return "there"

    call = '{"tool":"flaky","arguments":{"query":"x"}}'
    subject, _ = agent([call, call, ANSWER, "there"], ledger, tools=[flaky])
    result = await subject.run("x", mode="agent")
    assert [step.is_error for step in result.trajectory] == [True, False]
    assert len(tries) == 2


async def test_a_tools_own_timeout_is_told_as_its_own(ledger: Ledger) -> None:
    @tool
    async def database(query: str) -> str:
        """Ask.

        Args:
            query: Anything.
        """
        raise TimeoutError("the database said no")

    call = '{"tool":"database","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "no"], ledger, tools=[database])
    result = await subject.run("x", mode="agent")
    assert "the database said no" in result.trajectory[0].observation


async def test_time_of_a_failed_call_on_a_priced_machine_is_charged(
    ledger: Ledger, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[machines."scripted:test"]\nusd_per_hour = "36"\n')

    async def fails(request: ModelRequest) -> str:
        await asyncio.sleep(0.1)
        raise ModelError("crashed", model="scripted:test")

    subject, _ = agent([fails], ledger, prices=PriceTable(prices))
    with pytest.raises(ModelError) as caught:
        await subject.run("x")
    assert caught.value.result is not None
    assert (caught.value.result.usage.cost or 0) >= Decimal("0.001")
