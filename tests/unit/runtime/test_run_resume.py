"""A run that a limit, an interrupt or a crash ended goes on without paying twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, NATIVE, SEARCH, agent, rows, searching

from lean_agent import Agent, Budget, Ledger, ToolCall
from lean_agent.errors import ConfigurationError, LeanAgentError, ModelError
from lean_agent.gate import GateDecision, Signals, Way
from lean_agent.messages import Message
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.probe import format_key, remember
from lean_agent.models.scripted import ScriptedModel

TIN = SEARCH.replace("gallium", "tin")


def resumable(
    script: Sequence[Any], ledger: Ledger, path: Path, **more: Any
) -> tuple[Agent, ScriptedModel]:
    return agent(script, ledger, checkpoints=path / "checkpoints.sqlite", **more)


def paid_twice(model: ScriptedModel) -> bool:
    sent = [request.messages for request in model.requests]
    return any(messages in sent[:index] for index, messages in enumerate(sent))


async def test_an_agent_goes_on_from_a_step_limit(ledger: Ledger, tmp_path: Path) -> None:
    asked: list[str] = []
    script = [SEARCH, "so far 29.8", TIN, ANSWER, "29.8 and 231.9"]
    subject, model = resumable(script, ledger, tmp_path, tools=[searching(asked)])
    first = await subject.run("melting points?", mode="agent", budget=Budget(steps=2))
    assert (first.exit_status, first.limit, first.output) == (
        "limit_exceeded",
        "steps",
        "so far 29.8",
    )
    assert first.messages, "the work is kept"

    second = await subject.resume(first.run_id, budget=Budget(steps=6))
    assert (second.exit_status, second.output) == ("completed", "29.8 and 231.9")
    assert second.run_id == first.run_id
    assert second.messages[: len(first.messages)] == first.messages, "the prefix stays"
    assert asked == ["gallium", "tin"], "no search is made again"
    assert not paid_twice(model)
    assert second.steps == 5
    assert second.tool_calls == 2
    entries = rows(ledger, second)
    assert len(entries) == 5
    assert sum(e["input_tokens"] for e in entries) == second.usage.input_tokens
    assert sum(e["output_tokens"] for e in entries) == second.usage.output_tokens


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["tokens", "usd", "steps", "tool_calls", "seconds"])
async def test_every_cap_keeps_the_work_and_can_be_raised(
    limit: str, ledger: Ledger, tmp_path: Path
) -> None:
    from lean_agent.models.pricing import PriceTable

    prices = tmp_path / "prices.toml"
    prices.write_text('[models."scripted:test"]\ninput = "1000"\noutput = "1000"\n')
    # About 70 tokens a step, a tenth of a cent each.
    caps: dict[str, Any] = {
        "tokens": 1500, "usd": "1.5", "steps": 3, "tool_calls": 2, "seconds": 3,
    }  # fmt: skip

    async def answer_or_search(request: ModelRequest) -> str:
        if "Now answer" in request.messages[-1].content:
            return "found"
        if limit == "seconds":
            await asyncio.sleep(0.3)
        return SEARCH.replace("gallium", f"metal {len(request.messages)}")

    subject, model = resumable(
        [answer_or_search] * 100,
        ledger,
        tmp_path,
        tools=[searching()],
        prices=PriceTable(prices),
    )
    first = await subject.run("x", mode="agent", budget=Budget(**{"steps": 30, limit: caps[limit]}))
    assert (first.exit_status, first.limit, first.output) == ("limit_exceeded", limit, "found")
    made = len(model.requests)
    assert 2 <= made < 20

    with pytest.raises(ConfigurationError, match="not raised"):
        await subject.resume(first.run_id, budget=Budget(**{limit: first_spend(first, limit)}))
    assert len(model.requests) == made, "nothing was sent"

    more: dict[str, Any] = {"tokens": 3000, "usd": "3", "steps": 6, "tool_calls": 4, "seconds": 4.5}
    second = await subject.resume(first.run_id, budget=Budget(**{"steps": 60, limit: more[limit]}))
    assert (second.exit_status, second.limit, second.output) == ("limit_exceeded", limit, "found")
    assert len(model.requests) > made
    assert not paid_twice(model)
    assert second.usage.total_tokens == sum(
        e["input_tokens"] + e["output_tokens"] for e in rows(ledger, second)
    )
    if limit == "seconds":  # of the others the moment after the last checkpoint may be longer
        assert second.seconds > first.seconds
    if limit == "tokens":
        assert second.usage.total_tokens <= 3000
    if limit == "usd":
        assert second.usage.cost is not None
        assert second.usage.cost <= 3


def first_spend(first: Any, limit: str) -> Any:
    return {
        "tokens": first.usage.total_tokens,
        "usd": first.usage.cost,
        "steps": first.steps,
        "tool_calls": first.tool_calls,
        "seconds": 0.1,
    }[limit]


@pytest.mark.parametrize("limit", ["tokens", "usd"])
async def test_a_cap_that_is_not_raised_pays_for_nothing_more(
    limit: str, ledger: Ledger, tmp_path: Path
) -> None:
    from lean_agent.models.pricing import PriceTable

    prices = tmp_path / "prices.toml"
    prices.write_text('[models."scripted:test"]\ninput = "1000"\noutput = "1000"\n')

    def search_on(request: ModelRequest) -> str:
        if "Now answer" in request.messages[-1].content:
            return "found"
        return SEARCH.replace("gallium", f"metal {len(request.messages)}")

    subject, model = resumable(
        [search_on] * 100, ledger, tmp_path, tools=[searching()], prices=PriceTable(prices)
    )
    cap: Any = {"tokens": 1_500, "usd": "1.5"}[limit]
    first = await subject.run("x", mode="agent", budget=Budget(**{limit: cap}))
    assert (first.exit_status, first.limit) == ("limit_exceeded", limit)
    spent: Any = first.usage.total_tokens if limit == "tokens" else first.usage.cost
    assert spent < Decimal(cap), "some is left"
    made = len(model.requests)
    for again in (cap, spent + 1 if limit == "tokens" else spent):
        with pytest.raises(ConfigurationError, match=f"not raised: of .* spent {spent}") as caught:
            await subject.resume(first.run_id, budget=Budget(**{limit: again}))
        assert {"tokens": "--max-tokens", "usd": "--budget-usd"}[limit] in caught.value.hint
    assert len(model.requests) == made
    more: Any = {"tokens": 2_000, "usd": "2"}[limit]
    second = await subject.resume(first.run_id, budget=Budget(**{limit: more}))
    assert len(model.requests) > made + 1, "it went on searching"
    third = await subject.resume(second.run_id, budget=Budget(steps=second.steps + 3))
    assert third.limit == "steps", "without that cap it goes on"


async def test_an_answer_that_was_interrupted_after_a_cap_is_still_given(
    ledger: Ledger, tmp_path: Path
) -> None:
    began, asked = asyncio.Event(), [0]

    async def search_on(request: ModelRequest) -> str:
        if "Now answer" not in request.messages[-1].content:
            return SEARCH.replace("gallium", f"metal {len(request.messages)}")
        asked[0] += 1
        if asked[0] == 1:
            began.set()
            await asyncio.sleep(60)
        return "found"

    subject, _ = resumable([search_on] * 100, ledger, tmp_path, tools=[searching()])
    budget, stop = Budget(tokens=3_000), asyncio.Event()
    task = asyncio.ensure_future(_last(subject.stream("x", mode="agent", budget=budget, stop=stop)))
    await began.wait()
    stop.set()
    first = (await task).result
    assert (first.exit_status, first.limit, first.resumable) == ("interrupted", "tokens", True)
    second = await subject.resume(first.run_id, budget=budget)
    assert (second.exit_status, second.output) == ("limit_exceeded", "found")


async def test_a_cut_answer_is_continued_not_asked_again(ledger: Ledger, tmp_path: Path) -> None:
    story = "Once upon a time " * 40
    subject, model = resumable([story, "they lived on."], ledger, tmp_path)
    first = await subject.run("tell a story", mode="instant", budget=Budget(tokens=120))
    assert (first.exit_status, first.limit) == ("limit_exceeded", "tokens")
    assert story.startswith(first.output)
    second = await subject.resume(first.run_id, budget=Budget(tokens=2000))
    assert second.exit_status == "completed"
    assert second.output.startswith(first.output)
    assert second.output.endswith("they lived on.")
    assert "tell a story" not in model.requests[1].messages[-1].content
    assert not paid_twice(model)


async def test_cut_reasoning_is_continued(ledger: Ledger, tmp_path: Path) -> None:
    thoughts = "First I think about it. " * 40
    subject, model = resumable([thoughts, "So it is.\nAnswer: 42"], ledger, tmp_path)
    first = await subject.run("how many?", mode="reason", budget=Budget(tokens=150))
    assert (first.exit_status, first.limit) == ("limit_exceeded", "tokens")
    second = await subject.resume(first.run_id, budget=Budget(tokens=3000))
    assert (second.exit_status, second.output) == ("completed", "42")
    assert not paid_twice(model)


async def test_a_run_that_could_not_begin_is_begun(ledger: Ledger, tmp_path: Path) -> None:
    subject, model = resumable(["here"], ledger, tmp_path)
    first = await subject.run("hello there", budget=Budget(tokens=5))
    assert (first.exit_status, model.requests) == ("limit_exceeded", [])
    second = await subject.resume(first.run_id, budget=Budget(tokens=500))
    assert (second.exit_status, second.output) == ("completed", "here")


async def test_native_tool_calls_go_on_too(ledger: Ledger, tmp_path: Path) -> None:
    def call(number: int) -> Message:
        return Message("assistant", "", (ToolCall(f"c{number}", "search", {"query": str(number)}),))

    script = [call(1), "so far", call(2), "done"]
    subject, model = resumable(script, ledger, tmp_path, card=NATIVE, tools=[searching()])
    first = await subject.run("x", mode="agent", budget=Budget(steps=2))
    assert (first.exit_status, first.output) == ("limit_exceeded", "so far")
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert (second.exit_status, second.output) == ("completed", "done")
    assert not paid_twice(model)


async def test_a_failed_run_goes_on_at_the_call_that_failed(ledger: Ledger, tmp_path: Path) -> None:
    gone = ModelError("the server is gone", model="scripted:test")
    asked: list[str] = []
    subject, model = resumable(
        [SEARCH, gone, ANSWER, "29.8"], ledger, tmp_path, tools=[searching(asked)]
    )
    with pytest.raises(ModelError) as caught:
        await subject.run("x", mode="agent")
    failed = caught.value.result
    assert failed is not None
    second = await subject.resume(failed.run_id)
    assert (second.exit_status, second.output) == ("completed", "29.8")
    assert asked == ["gallium"]
    assert len(model.requests) == 4
    assert [e["error_type"] for e in rows(ledger, second)] == [None, "model", None, None]


async def test_an_answer_that_failed_is_asked_for_in_the_same_words_and_form(
    ledger: Ledger, tmp_path: Path
) -> None:
    script = [SEARCH, ANSWER, ModelError("gone", status=410), "29.8"]
    card = ModelCard(self_hosted=True)  # its format is known from a probe
    subject, model = resumable(script, ledger, tmp_path, tools=[searching()], card=card)
    remember(format_key(model), "schema")
    with pytest.raises(ModelError) as failed:
        await subject.run("gallium?", mode="agent")
    assert failed.value.result is not None
    result = await subject.resume(failed.value.result.run_id)
    assert result.output == "29.8"
    before, after = model.requests[-2:]
    assert before.not_beginning == after.not_beginning == "{"
    assert before.messages == after.messages


async def test_an_interrupted_call_counts_in_the_totals(ledger: Ledger, tmp_path: Path) -> None:
    began = asyncio.Event()

    async def hangs(_request: ModelRequest) -> str:
        began.set()
        await asyncio.sleep(60)
        return "never"

    subject, _ = resumable([hangs, "here"], ledger, tmp_path)
    stop = asyncio.Event()
    task = asyncio.ensure_future(_last(subject.stream("a question", stop=stop)))
    await began.wait()
    stop.set()
    first = (await task).result
    assert first.exit_status == "interrupted"
    assert first.usage.input_tokens > 0, "the prompt was sent"
    second = await subject.resume(first.run_id)
    assert second.output == "here"
    assert second.usage.total_tokens == sum(
        e["input_tokens"] + e["output_tokens"] for e in rows(ledger, second)
    )


async def _last(events: Any) -> Any:
    last = None
    async for event in events:
        last = event
    return last


async def test_what_cannot_be_resumed_is_said_in_a_line(ledger: Ledger, tmp_path: Path) -> None:
    subject, _ = resumable(["here"], ledger, tmp_path)
    with pytest.raises(ConfigurationError, match="no run 'nothing'"):
        await subject.resume("nothing")
    assert not (tmp_path / "checkpoints.sqlite").exists()
    done = await subject.run("hello")
    with pytest.raises(ConfigurationError, match="no run") as caught:
        await subject.resume(done.run_id)
    assert "until it is complete" in caught.value.hint
    without, _ = agent(["here"], ledger)
    with pytest.raises(ConfigurationError, match="nothing was kept"):
        await without.resume(done.run_id)


async def test_a_resumed_run_that_completes_is_forgotten(ledger: Ledger, tmp_path: Path) -> None:
    subject, _ = resumable(["here"], ledger, tmp_path)
    first = await subject.run("hello there", budget=Budget(tokens=5))
    await subject.resume(first.run_id)
    with pytest.raises(ConfigurationError, match="no run"):
        await subject.resume(first.run_id)
    assert b"hello there" not in (tmp_path / "checkpoints.sqlite").read_bytes()


async def test_resume_streams_and_blocks_too(ledger: Ledger, tmp_path: Path) -> None:
    subject, _ = resumable(["here", "and there"], ledger, tmp_path)
    for expected in ("here", "and there"):
        first = await subject.run("hello there", budget=Budget(tokens=5))
        if expected == "here":
            last = await _last(subject.resume_stream(first.run_id))
            assert last.result.output == expected
        else:
            result = await asyncio.to_thread(subject.resume_sync, first.run_id)
            assert result.output == expected


async def test_a_disk_that_fails_costs_the_resuming_not_the_answer(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async def full(*_args: object, **_more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(AsyncSqliteSaver, "aput", full)
    monkeypatch.setattr(AsyncSqliteSaver, "aput_writes", full)
    subject, _ = resumable([SEARCH, ANSWER, "29.8"], ledger, tmp_path, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.output) == ("completed", "29.8")
    assert any("cannot be resumed" in notice for notice in result.notices)


async def test_an_unpriced_model_cannot_be_resumed_under_a_dollar_cap(
    ledger: Ledger, tmp_path: Path
) -> None:
    subject, model = resumable(["here"], ledger, tmp_path, card=ModelCard(action_format="schema"))
    first = await subject.run("hello there", budget=Budget(tokens=5))
    with pytest.raises(LeanAgentError, match="a dollar cap cannot hold"):
        await subject.resume(first.run_id, budget=Budget(usd=1))
    assert model.requests == []


class _Broken:
    """A gate that fails the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, signals: Signals) -> GateDecision:
        self.asked += 1
        if self.asked == 1:
            raise LeanAgentError("not yet")
        del signals
        return GateDecision(way=Way(mode="instant"), reason="told to")


async def test_a_run_that_ended_in_its_first_node_can_go_on(ledger: Ledger, tmp_path: Path) -> None:
    subject, model = resumable(["29.8"], ledger, tmp_path, gate=_Broken())
    with pytest.raises(LeanAgentError, match="not yet") as caught:
        await subject.run("At what temperature does gallium melt?")
    assert caught.value.result is not None
    assert model.requests == []
    result = await subject.resume(caught.value.result.run_id)
    assert (result.exit_status, result.output, len(model.requests)) == ("completed", "29.8", 1)
