"""The graph end to end on a scripted model, with the real ledger, budget and tools."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lean_agent import Agent, Budget, Ledger, Message, Tool, ToolError, tool
from lean_agent.errors import ConfigurationError, ModelError, ModelTimeoutError
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    RunFinished,
    RunStarted,
    Token,
    ToolFinished,
    ToolStarted,
)
from lean_agent.ledger import queries
from lean_agent.messages import ToolCall
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.pricing import PriceTable
from lean_agent.models.scripted import ScriptedModel
from lean_agent.result import RunResult

SEARCH = '{"tool":"search","arguments":{"query":"gallium"}}'
ANSWER = '{"tool":"answer"}'
SCHEMA = ModelCard(action_format="schema", self_hosted=True)
NATIVE = ModelCard(action_format="native", self_hosted=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def rows(ledger: Ledger, result: RunResult) -> list[dict[str, Any]]:
    """The run's model calls."""
    entries = queries.show(ledger.folder, result.run_id)
    return [entry for entry in entries if entry["operation"] == "chat"]


def searching(calls: list[str] | None = None) -> Tool:
    @tool
    def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        if calls is not None:
            calls.append(query)
        return f"About {query}: it melts at 29.8 degrees."

    return search


def agent(
    script: Sequence[Any], ledger: Ledger, card: ModelCard = SCHEMA, **more: Any
) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(script, card=card)
    return Agent(model=model, ledger=ledger, **more), model


def starts_with_the_previous(requests: Sequence[ModelRequest]) -> bool:
    return all(
        later.messages[: len(earlier.messages)] == earlier.messages
        for earlier, later in itertools.pairwise(requests)
    )


async def test_instant_answers_in_one_call(ledger: Ledger) -> None:
    subject, model = agent(["Canberra."], ledger)
    result = await subject.run("What is the capital of Australia?")
    assert (result.output, result.mode, result.exit_status) == ("Canberra.", "instant", "completed")
    assert (result.steps, result.tool_calls) == (1, 0)
    assert [m.role for m in result.messages] == ["system", "user", "assistant"]
    assert result.usage.cost == 0
    assert result.usage.provenance == {"self_hosted"}
    (row,) = rows(ledger, result)
    assert (row["purpose"], row["mode"], row["attempt"]) == ("answer", "instant", 1)
    assert result.usage.input_tokens == row["input_tokens"] > 0
    assert len(model.requests) == 1


async def test_agent_searches_then_answers_with_a_stable_prefix(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent([SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching(asked)])
    result = await subject.run("At what temperature does gallium melt?", mode="agent")
    assert (result.output, result.exit_status) == ("29.8 degrees", "completed")
    assert (result.steps, result.tool_calls, asked) == (3, 1, ["gallium"])
    (step,) = result.trajectory
    assert (step.tool, step.is_error, step.served) == ("search", False, False)
    assert "29.8" in step.observation
    assert starts_with_the_previous(model.requests)
    assert [r["purpose"] for r in rows(ledger, result)] == ["act", "act", "answer"]
    assert model.requests[0].response_schema is not None
    assert model.requests[2].response_schema is None, "the answer is written in plain text"


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


async def test_native_calls_of_one_step_run_side_by_side(ledger: Ledger) -> None:
    together = asyncio.Barrier(2)

    @tool
    async def fetch(name: str) -> str:
        """Fetch.

        Args:
            name: What.
        """
        async with asyncio.timeout(5):
            await together.wait()
        return name.upper()

    calls = (ToolCall("c1", "fetch", {"name": "a"}), ToolCall("c2", "fetch", {"name": "b"}))
    subject, model = agent(
        [Message("assistant", "", calls), "A and B"], ledger, NATIVE, tools=[fetch]
    )
    result = await subject.run("fetch both")
    assert [t.observation for t in result.trajectory] == ["A", "B"]
    assert [m.tool_call_id for m in result.messages if m.role == "tool"] == ["c1", "c2"]
    assert result.output == "A and B"
    assert starts_with_the_previous(model.requests)
    assert all(r.tools == model.requests[0].tools for r in model.requests)


async def test_tools_not_safe_beside_each_other_run_in_line(ledger: Ledger) -> None:
    inside = 0
    most = 0

    @tool(concurrency_safe=False)
    async def write(name: str) -> str:
        """Write.

        Args:
            name: What.
        """
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return name

    calls = tuple(ToolCall(f"c{i}", "write", {"name": str(i)}) for i in range(3))
    subject, _ = agent([Message("assistant", "", calls), "done"], ledger, NATIVE, tools=[write])
    await subject.run("write all")
    assert most == 1


async def test_malformed_action_is_shown_to_the_model_and_mended(ledger: Ledger) -> None:
    subject, model = agent(
        ['{"tool":"browse","arguments":{}}', SEARCH, ANSWER, "ok"], ledger, tools=[searching()]
    )
    result = await subject.run("x", mode="agent")
    assert result.output == "ok"
    assert "no tool called 'browse'" in model.requests[1].messages[-1].content
    assert starts_with_the_previous(model.requests)


async def test_a_model_that_only_talks_nonsense_still_ends_in_an_answer(ledger: Ledger) -> None:
    subject, _ = agent(["??", "??", "??", "I do what I can"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.steps) == ("I do what I can", 4)


async def test_identical_calls_are_served_and_the_loop_is_ended(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent([SEARCH] * 3 + ["29.8"], ledger, tools=[searching(asked)])
    result = await subject.run("x", mode="agent")
    assert asked == ["gallium"], "the tool ran once"
    assert [t.served for t in result.trajectory] == [False, True, True]
    assert result.output == "29.8"
    assert len(model.requests) == 4


async def test_calls_with_side_effects_are_never_served_from_memory(ledger: Ledger) -> None:
    done: list[str] = []

    @tool(side_effects=True)
    def append(line: str) -> str:
        """Append.

        Args:
            line: What.
        """
        done.append(line)
        return "ok"

    call = '{"tool":"append","arguments":{"line":"x"}}'
    subject, _ = agent([call, call, ANSWER, "twice"], ledger, tools=[append])
    await subject.run("append x twice", mode="agent")
    assert done == ["x", "x"]


async def test_step_limit_ends_in_an_answer_from_the_slice_held_back(ledger: Ledger) -> None:
    script = [SEARCH.replace("gallium", str(i)) for i in range(9)]
    subject, model = agent(
        [*script[:2], "as far as I got"], ledger, tools=[searching()], budget=Budget(steps=3)
    )
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "steps")
    assert (result.output, result.steps, result.tool_calls) == ("as far as I got", 3, 2)
    assert len(model.requests) == 3


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


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ToolError("the page is gone"), "Error: the page is gone"),
        (ValueError("bad\nTraceback (most recent call last)"), "Error: ValueError: bad"),
    ],
)
async def test_a_failing_tool_is_shown_to_the_model(
    error: Exception, shown: str, ledger: Ledger
) -> None:
    @tool
    def fails(query: str) -> str:
        """Fail.

        Args:
            query: Anything.
        """
        raise error

    call = '{"tool":"fails","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "it failed"], ledger, tools=[fails])
    result = await subject.run("x", mode="agent")
    (step,) = result.trajectory
    assert (step.is_error, step.observation) == (True, shown)
    assert result.exit_status == "completed"


async def test_a_hanging_tool_is_stopped_at_its_timeout(ledger: Ledger) -> None:
    release = threading.Event()

    @tool(timeout=0.2)
    def hangs(query: str) -> str:
        """Hang.

        Args:
            query: Anything.
        """
        release.wait(20)
        return query

    call = '{"tool":"hangs","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "too slow"], ledger, tools=[hangs])
    result = await subject.run("x", mode="agent")
    release.set()
    assert "longer than 0.2 s" in result.trajectory[0].observation
    assert result.output == "too slow"


async def test_a_huge_tool_result_is_cut_and_says_so(ledger: Ledger) -> None:
    @tool
    def huge(query: str) -> str:
        """Flood.

        Args:
            query: Anything.
        """
        return "x" * 50_000_000

    call = '{"tool":"huge","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "much"], ledger, tools=[huge])
    result = await subject.run("x", mode="agent")
    observation = result.trajectory[0].observation
    assert len(observation) < 4_200
    assert "4000 of 50000000 characters shown" in observation


async def test_a_fatal_error_keeps_the_work_and_the_spend(ledger: Ledger) -> None:
    fatal = ModelError("the server is gone", model="scripted:test")
    subject, _ = agent([SEARCH, fatal], ledger, tools=[searching()])
    with pytest.raises(ModelError) as caught:
        await subject.run("x", mode="agent")
    partial: RunResult = caught.value.result
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


@pytest.mark.parametrize("poor", ["", "I'm sorry, but I cannot help with that."])
async def test_an_answer_that_fails_its_check_escalates_and_keeps_what_was_said(
    poor: str, ledger: Ledger
) -> None:
    subject, _ = agent([poor, "Thinking.\nAnswer: Canberra"], ledger)
    result = await subject.run("What is the capital of Australia?")
    assert (result.output, result.mode, result.steps) == ("Canberra", "reason", 2)
    assert "failed its check" in result.mode_reason
    assert [r["mode"] for r in rows(ledger, result)] == ["instant", "reason"]


async def test_a_forced_mode_does_not_escalate(ledger: Ledger) -> None:
    subject, model = agent([""], ledger)
    result = await subject.run("hello", mode="instant")
    assert (result.output, len(model.requests)) == ("", 1)


async def test_reasoning_gives_its_marked_answer_or_is_asked_for_it(ledger: Ledger) -> None:
    subject, _ = agent(["6 * 7 is 42.\nAnswer: 42", "so many thoughts", "Answer: 43"], ledger)
    first = await subject.run("x", mode="reason")
    assert (first.output, first.steps) == ("42", 1)
    second = await subject.run("x", mode="reason")
    assert (second.output, second.steps) == ("43", 2)


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def test_stream_yields_the_run_in_order(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching()])
    events = await collect(subject.stream("x", mode="agent"))
    kinds = [type(e) for e in events]
    assert kinds[0] is RunStarted
    assert kinds[1] is ModeChosen
    assert kinds[-1] is RunFinished
    assert kinds.index(ToolStarted) < kinds.index(ToolFinished)
    text = "".join(e.text for e in events if isinstance(e, Token) and e.channel == "answer")
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert text == finished.result.output
    costs = [e.usage.total_tokens for e in events if isinstance(e, CostUpdated)]
    assert costs == sorted(costs)
    assert costs[-1] == finished.result.usage.total_tokens


async def test_stopping_a_stream_keeps_work_and_spend(ledger: Ledger) -> None:
    started = asyncio.Event()

    @tool
    async def slow(query: str) -> str:
        """Wait.

        Args:
            query: Anything.
        """
        started.set()
        await asyncio.sleep(30)
        return query

    call = '{"tool":"slow","arguments":{"query":"x"}}'
    subject, _ = agent([SEARCH, call], ledger, tools=[searching(), slow])
    stop = asyncio.Event()
    events: list[Event] = []
    async for event in subject.stream("x", mode="agent", stop=stop):
        events.append(event)
        if started.is_set():
            stop.set()
        elif isinstance(event, ToolStarted) and event.name == "slow":
            await started.wait()
            stop.set()
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.result.exit_status == "interrupted"
    assert [t.tool for t in finished.result.trajectory] == ["search"]
    assert len(rows(ledger, finished.result)) == 2


async def test_closing_a_stream_leaves_no_task_behind(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[searching()])
    before = asyncio.all_tasks()
    stream = subject.stream("x", mode="agent")
    async for event in stream:
        if isinstance(event, ToolStarted):
            break
    await stream.aclose()
    assert asyncio.all_tasks() == before


async def test_run_sync_works_where_a_loop_is_running_and_again(ledger: Ledger) -> None:
    subject, _ = agent(["one", "two"], ledger)
    assert subject.run_sync("hello").output == "one"
    assert await asyncio.to_thread(lambda: subject.run_sync("hello").output) == "two"


async def test_history_goes_on_with_the_same_prefix(ledger: Ledger) -> None:
    subject, model = agent(["Canberra.", "Sydney."], ledger)
    first = await subject.run("What is the capital of Australia?")
    second = await subject.run("And its largest city?", history=first.messages)
    assert second.output == "Sydney."
    assert model.requests[1].messages[: len(first.messages)] == first.messages


async def test_checkpoints_hold_the_run_as_plain_json(ledger: Ledger, tmp_path: Path) -> None:
    from lean_agent.runtime.checkpoints import open_checkpoints
    from lean_agent.runtime.graph import compiled

    path = tmp_path / "checkpoints.sqlite"
    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[searching()], checkpoints=path)
    result = await subject.run("x", mode="agent")
    async with open_checkpoints(path) as saver:
        kept = await compiled(saver).aget_state({"configurable": {"thread_id": result.run_id}})
    assert kept.values["output"] == "29.8"
    assert [t["tool"] for t in kept.values["trajectory"]] == ["search"]
    assert kept.next == ()


@pytest.mark.parametrize("task", ["", "  \n", "x" * 1_000_001])
async def test_impossible_questions_are_refused(task: str, ledger: Ledger) -> None:
    subject, model = agent(["never"], ledger)
    with pytest.raises(ConfigurationError):
        await subject.run(task)
    assert model.requests == []


def test_two_tools_of_one_name_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="two tools are called 'search'"):
        agent([], ledger, tools=[searching(), searching()])


async def test_question_larger_than_the_window_is_refused_with_a_typed_error(
    ledger: Ledger,
) -> None:
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=100)
    subject, model = agent(["never"], ledger, card)
    with pytest.raises(ModelError, match="window of 100") as caught:
        await subject.run("long " * 500)
    assert caught.value.code == "context_length"
    assert model.requests == []


async def test_many_runs_of_one_agent_do_not_mix(ledger: Ledger) -> None:
    def echo(request: ModelRequest) -> str:
        return request.messages[-1].content

    subject, _ = agent([echo] * 50, ledger)
    results = await asyncio.gather(*(subject.run(f"say {i}") for i in range(50)))
    assert [r.output for r in results] == [f"say {i}" for i in range(50)]
    assert len({r.run_id for r in results}) == 50
