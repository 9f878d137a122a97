"""Streams, interruption, several loops and checkpoints, on a scripted model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.scripted_runs import (
    ANSWER,
    SEARCH,
    agent,
    rows,
    searching,
)

from lean_agent import Budget, Ledger, RunContext, tool
from lean_agent.errors import ConfigurationError
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    Notice,
    RunFinished,
    RunStarted,
    Token,
    ToolFinished,
    ToolStarted,
)
from lean_agent.ledger import queries
from lean_agent.model import ModelRequest


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
    entries = queries.show(ledger.folder, finished.result.run_id)
    assert [(e["tool"], e["finish_reason"]) for e in entries if e["tool"]] == [
        ("search", "done"),
        ("slow", "cancelled"),
    ]


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
    subject, _ = agent([SEARCH, "29.8"], ledger, tools=[searching()], checkpoints=path)
    result = await subject.run("x", mode="agent", budget=Budget(steps=2))
    async with open_checkpoints(path) as saver:
        kept = await compiled(saver).aget_state({"configurable": {"thread_id": result.run_id}})
    assert kept.values["output"] == "29.8"
    assert json.loads(json.dumps(kept.values)) == kept.values
    assert [t["tool"] for t in kept.values["trajectory"]] == ["search"]
    assert kept.next == ()


async def test_many_runs_of_one_agent_do_not_mix(ledger: Ledger) -> None:
    def echo(request: ModelRequest) -> str:
        return request.messages[-1].content

    subject, _ = agent([echo] * 50, ledger)
    results = await asyncio.gather(*(subject.run(f"say {i}") for i in range(50)))
    assert [r.output for r in results] == [f"say {i}" for i in range(50)]
    assert len({r.run_id for r in results}) == 50


async def test_checkpoints_are_the_users_own_and_never_spoil_another_file(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = tmp_path / "kept" / "checkpoints.sqlite"
    subject, _ = agent(["hi"], ledger, checkpoints=path)
    await subject.run("hello")
    assert path.stat().st_mode & 0o077 == 0
    text = tmp_path / "notes.md"
    text.write_text("not a database " * 100)
    subject, model = agent(["never"], ledger, checkpoints=text)
    with pytest.raises(ConfigurationError, match="checkpoints cannot be kept"):
        await subject.run("hello")
    assert text.read_text() == "not a database " * 100
    assert model.requests == []


async def test_the_environment_cannot_turn_tracing_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langsmith.utils import tracing_is_enabled  # pyright: ignore[reportUnknownVariableType]

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    seen: list[object] = []

    def look(request: ModelRequest) -> str:
        seen.append(tracing_is_enabled())
        return "hi"

    subject, _ = agent([look], ledger)
    await subject.run("hello")
    assert seen == [False]


async def test_a_tools_log_line_reaches_the_person_not_the_model(ledger: Ledger) -> None:
    @tool
    def chatty(query: str, ctx: RunContext) -> str:
        """Talk.

        Args:
            query: Anything.
            ctx: The run.
        """
        ctx.log("half way there")
        return query

    call = '{"tool":"chatty","arguments":{"query":"x"}}'
    subject, model = agent([call, ANSWER, "done"], ledger, tools=[chatty])
    events = await collect(subject.stream("x", mode="agent"))
    assert Notice("half way there") in events
    assert all("half way" not in m.content for r in model.requests for m in r.messages)
