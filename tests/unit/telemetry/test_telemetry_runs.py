"""Real runs on a scripted model, watched by the real SDK."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from support.fake_openai import FakeOpenAI
from support.scripted_runs import ANSWER, SEARCH, agent, searching
from support.telemetry import STARTED, Watched, own, parent, told

from lean_agent import Agent, LeanAgentError, Ledger
from lean_agent.errors import RateLimitError
from lean_agent.ledger import queries
from lean_agent.ledger.entries import Entry


@pytest.fixture
def ledger(tmp_path: Path, watched: Watched) -> Ledger:
    return Ledger(tmp_path / "ledger", observers=[watched.observe])


async def test_an_agents_run(ledger: Ledger, watched: Watched) -> None:
    subject, _ = agent([SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching()])
    with watched.tracers.get_tracer("caller").start_as_current_span("request") as request:
        result = await subject.run("At what temperature does gallium melt?", mode="agent")
    spans = [span for span in watched.spans if span.name != "request"]
    assert [span.name for span in spans] == [
        "chat test",
        "execute_tool search",
        "chat test",
        "chat test",
        "invoke_agent",
    ]
    *inner, root = spans
    assert parent(root) == request.get_span_context().span_id
    assert {parent(span) for span in inner} == {own(root)}
    assert all(span.status.status_code is StatusCode.UNSET for span in spans)
    assert all(
        (root.start_time or 0) <= (span.start_time or 0) <= (span.end_time or 0)
        and (span.end_time or 0) <= (root.end_time or 0) + 5_000_000  # two clocks meet here
        for span in inner
    )
    assert told(root)["lean_agent.exit_status"] == "completed"
    counted = "gen_ai.client.inference.usage"
    assert watched.value(f"{counted}.input_tokens") == result.usage.input_tokens
    assert watched.value(f"{counted}.output_tokens") == result.usage.output_tokens


async def test_failed_attempts_and_a_failed_run(ledger: Ledger, watched: Watched) -> None:
    refused = RateLimitError("slow down", retryable=True, retry_after=0.0)
    subject, _ = agent([refused, refused, refused], ledger)
    with pytest.raises(LeanAgentError):
        await subject.run("What is the capital of Australia?")
    *attempts, root = watched.spans
    assert [told(span)["lean_agent.attempt"] for span in attempts] == [1, 2, 3]
    assert [told(span)["error.type"] for span in attempts] == ["rate_limit"] * 3
    assert {span.status.status_code for span in watched.spans} == {StatusCode.ERROR}
    assert told(root)["error.type"] == "rate_limit"


async def test_a_cancelled_run(ledger: Ledger, watched: Watched) -> None:
    started = asyncio.Event()

    async def hang(_request: object) -> str:
        started.set()
        await asyncio.Event().wait()
        return "never"

    subject, _ = agent([hang], ledger)
    run = asyncio.create_task(subject.run("What is the capital of Australia?"))
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    asked, root = watched.spans
    assert (asked.name, told(asked)["error.type"]) == ("chat test", "cancelled")
    assert told(root)["lean_agent.exit_status"] == "interrupted"
    assert parent(asked) == own(root)


async def test_runs_side_by_side_each_have_their_own_trace(
    ledger: Ledger, watched: Watched
) -> None:
    subject, _ = agent(["yes"] * 20, ledger)
    results = await asyncio.gather(*(subject.run(f"Is {number} odd?") for number in range(20)))
    runs = {own(span): told(span) for span in watched.spans if span.name == "invoke_agent"}
    calls = [span for span in watched.spans if span.name == "chat test"]
    assert len({span.context.trace_id for span in calls if span.context}) == len(runs) == 20
    for span in calls:
        assert runs[parent(span) or 0]["lean_agent.run.id"] == told(span)["lean_agent.run.id"]
    assert {r.run_id for r in results} == {row["run_id"] for row in queries.runs(ledger.folder)}


async def test_a_clock_that_is_set_back_makes_no_time_negative(
    ledger: Ledger, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(STARTED, -60.0)

    def entry(**fields: Any) -> Entry:  # whose own default was bound to the real clock
        fields.setdefault("ts", time.time())
        return Entry(**fields)

    monkeypatch.setattr(time, "time", lambda: next(clock))
    monkeypatch.setattr("lean_agent.runtime.book.Entry", entry)
    subject, _ = agent([SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching()])
    result = await subject.run("At what temperature does gallium melt?", mode="agent")
    rows = queries.show(ledger.folder, result.run_id)
    assert len({row["ts"] for row in rows}) == len(rows) == 5
    assert min(row["ts"] for row in rows) < STARTED - 60, "the clock went back"
    assert all(0 <= row["seconds"] < 30 for row in rows)
    assert len(watched.spans) == len(rows)
    assert all((span.start_time or 0) <= (span.end_time or 0) for span in watched.spans)
    assert watched.points("gen_ai.invoke_agent.duration")[0].count == 1


async def test_the_key_in_use_is_written_nowhere(
    ledger: Ledger, watched: Watched, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "no.vendors:prefix"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    subject = Agent(model=f"openai:{key}", base_url=server.url, ledger=ledger)
    async with subject:
        await subject.run("Hi?", task_id=f"task {key}", session_id=key)
    assert server.chats[0].headers["authorization"] == f"Bearer {key}"
    (segment,) = (ledger.folder / "segments").iterdir()
    assert key not in segment.read_text()
    assert '"task_id":"task [redacted]","session_id":"[redacted]"' in segment.read_text()
    assert watched.spans
    assert not [span for span in watched.spans if key in span.to_json()]
