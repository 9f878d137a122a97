"""Spans as the SDK's in-memory exporter gets them: who is whose child, when, and what they say."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from support.telemetry import RUN, STARTED, Watched, call, own, parent, run_row, told, tool_row

from lean_agent.errors import ConfigurationError
from lean_agent.ledger.entries import Entry
from lean_agent.telemetry import OpenTelemetry
from lean_agent.usage import Usage

ASKED = "chat big"


def at(seconds: float) -> int:
    return int(seconds * 1_000_000_000)


def closed(entry: Entry, **fields: Any) -> Entry:
    """What becomes of an open entry."""
    return replace(entry, **({"state": "closed", "finish_reason": "stop", "seconds": 2.0} | fields))


def test_a_run_its_calls_and_its_tools(watched: Watched) -> None:
    run, asked = run_row(state="open"), call(state="open")
    for entry in (run, asked, closed(asked), tool_row(parent_id=asked.id)):
        watched.observe(entry)
    watched.observe(closed(run, finish_reason="completed", seconds=3.0))
    chat, tool, root = watched.spans
    assert [chat.name, tool.name, root.name] == [ASKED, "execute_tool search", "invoke_agent"]
    assert [chat.kind, tool.kind, root.kind] == [
        SpanKind.CLIENT,
        SpanKind.INTERNAL,
        SpanKind.INTERNAL,
    ]
    assert parent(root) is None
    assert parent(chat) == parent(tool) == own(root)
    assert len({span.context.trace_id for span in watched.spans if span.context}) == 1
    assert (root.start_time, root.end_time) == (at(STARTED), at(STARTED + 3))
    assert (chat.start_time, chat.end_time) == (at(STARTED + 0.5), at(STARTED + 2.5))
    assert (tool.start_time, tool.end_time) == (at(STARTED + 2.5), at(STARTED + 2.75))
    assert {span.status.status_code for span in watched.spans} == {StatusCode.UNSET}


def test_a_model_call_says_what_it_was_and_took(watched: Watched) -> None:
    usage = Usage(
        input_tokens=100,
        cache_read_input_tokens=40,
        cache_creation_input_tokens=5,
        output_tokens=10,
        reasoning_output_tokens=4,
        cost=Decimal("0.0125"),
        provenance=frozenset({"measured"}),
    )
    more: dict[str, Any] = {"session_id": "talk", "task_id": "t-1", "price_ref": "table 2026"}
    watched.observe(call(usage=usage, list_cost=Decimal("0.02"), queue_seconds=0.1, **more))
    assert told(watched.span(ASKED)) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "big",
        "gen_ai.conversation.id": "talk",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_write.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "gen_ai.response.finish_reasons": ("stop",),
        "lean_agent.run.id": RUN,
        "lean_agent.task.id": "t-1",
        "lean_agent.step": 1,
        "lean_agent.attempt": 1,
        "lean_agent.purpose": "answer",
        "lean_agent.mode": "instant",
        "lean_agent.usage.cost": 0.0125,
        "lean_agent.usage.list_cost": 0.02,
        "lean_agent.usage.saved_tokens": 0,
        "lean_agent.cost.provenance": "measured",
        "lean_agent.cost.price_ref": "table 2026",
        "lean_agent.queue_seconds": 0.1,
    }


def test_a_run_and_a_tool_say_how_they_ended(watched: Watched) -> None:
    watched.observe(tool_row(finish_reason="refused", error_type="tool"))
    watched.observe(run_row(finish_reason="limit_exceeded", mode="agent"))
    tool, run = watched.spans
    assert told(tool)["lean_agent.tool.outcome"] == "refused"
    assert told(tool)["gen_ai.tool.name"] == "search"
    assert told(tool)["error.type"] == "tool"
    assert told(run)["lean_agent.exit_status"] == "limit_exceeded"
    assert not [name for name in told(run) | told(tool) if name.startswith("gen_ai.usage")]
    assert run.status.status_code is StatusCode.UNSET, "a limit is no error"


def test_a_search_ahead_says_whether_it_was_of_use(watched: Watched) -> None:
    watched.observe(tool_row(operation="retrieval", purpose="prefetch", finish_reason="wasted"))
    (ahead,) = watched.spans
    assert (ahead.name, ahead.kind) == ("retrieval search", SpanKind.CLIENT)
    assert told(ahead)["lean_agent.tool.outcome"] == "wasted"
    assert told(ahead)["lean_agent.purpose"] == "prefetch"


def test_an_unknown_cost_is_left_out(watched: Watched) -> None:
    unknown = Usage(input_tokens=1, cost=None, provenance=frozenset({"unpriced"}))
    watched.observe(call(usage=unknown))
    assert "lean_agent.usage.cost" not in told(watched.span(ASKED))
    assert told(watched.span(ASKED))["lean_agent.cost.provenance"] == "unpriced"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("mistral", "mistral_ai"), ("xai", "x_ai"), ("google", "gcp.gemini"), ("local", "local")],
)
def test_providers_have_the_names_that_opentelemetry_gives_them(
    ours: str, theirs: str, watched: Watched
) -> None:
    watched.observe(call(provider=ours))
    assert told(watched.span(ASKED))["gen_ai.provider.name"] == theirs


def test_every_attempt_is_a_span(watched: Watched) -> None:
    run = run_row(state="open")
    watched.observe(run)
    for attempt, error in ((1, "rate_limit"), (2, "model_timeout"), (3, None)):
        asked = call(state="open", attempt=attempt)
        watched.observe(asked)
        finish = None if error else "stop"
        watched.observe(closed(asked, error_type=error, finish_reason=finish))
    watched.observe(closed(run, finish_reason="completed"))
    first, second, third, root = watched.spans
    assert [told(span)["lean_agent.attempt"] for span in (first, second, third)] == [1, 2, 3]
    assert [told(span).get("error.type") for span in (first, second, third)] == [
        "rate_limit",
        "model_timeout",
        None,
    ]
    assert [span.status.status_code for span in (first, second, third)] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert told(first)["gen_ai.response.finish_reasons"] == ("error",)
    assert {parent(span) for span in (first, second, third)} == {own(root)}


def test_a_run_is_a_child_of_what_its_caller_does(watched: Watched) -> None:
    tracer = watched.tracers.get_tracer("caller")
    with tracer.start_as_current_span("request") as request:
        watched.observe(run_row(state="open"))
    watched.observe(call())
    watched.observe(run_row())
    root = watched.span("invoke_agent")
    assert parent(root) == request.get_span_context().span_id
    assert parent(watched.span(ASKED)) == own(root)


def test_calls_open_when_their_run_ends_are_unfinished(watched: Watched) -> None:
    for entry in (run_row(state="open"), call(state="open"), run_row()):
        watched.observe(entry)
    chat, root = watched.spans
    assert (told(chat)["error.type"], chat.status.status_code) == ("unfinished", StatusCode.ERROR)
    assert chat.end_time == root.end_time
    assert "gen_ai.usage.input_tokens" not in told(chat), "nobody knows what it used"


def test_a_call_open_when_its_run_ends_does_not_end_before_it_began(watched: Watched) -> None:
    late = call(state="open", ts=STARTED + 3_600)  # the clock was set forward, and back
    for entry in (run_row(state="open"), late, run_row()):
        watched.observe(entry)
    chat, _ = watched.spans
    assert chat.start_time == chat.end_time == at(STARTED + 3_600)


def test_runs_at_the_same_time_do_not_mix(watched: Watched) -> None:
    def one(number: int) -> None:
        run = run_row(state="open", id=f"run-{number}", run_id=f"run-{number}")
        watched.observe(run)
        for step in range(20):
            asked = call(state="open", run_id=run.id, step=step)
            watched.observe(asked)
            watched.observe(closed(asked))
        watched.observe(closed(run, finish_reason="completed"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roots = {own(s): told(s) for s in watched.spans if s.name == "invoke_agent"}
    calls = [span for span in watched.spans if span.name == ASKED]
    assert (len(roots), len(calls)) == (8, 160)
    for span in calls:
        assert roots[parent(span) or 0]["lean_agent.run.id"] == told(span)["lean_agent.run.id"]


@pytest.mark.slow
def test_runs_that_never_end_are_forgotten(watched: Watched) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(each, ReadableSpan) for each in gc.get_objects())

    before = alive()
    for number in range(1_500):
        watched.observe(call(state="open", run_id=f"abandoned-{number}"))
    assert alive() - before == 1_000
    assert watched.spans == []


def test_a_run_that_goes_on_is_not_the_one_forgotten(watched: Watched) -> None:
    run = run_row(state="open")
    watched.observe(run)
    for number in range(1_500):
        watched.observe(call(state="open", run_id=f"abandoned-{number}"))
        if number % 500 == 0:
            asked = call(state="open")
            watched.observe(asked)
            watched.observe(closed(asked))
    watched.observe(closed(run, finish_reason="completed"))
    root = watched.span("invoke_agent")
    assert [parent(s) for s in watched.spans if s.name == ASKED] == [own(root)] * 3


def test_secrets_and_unreadable_times(watched: Watched) -> None:
    watched.observe(call(model="sk-proj-abcdefghijklmnop1234567890", ts=float("nan")))
    (span,) = watched.spans
    assert "sk-proj" not in f"{span.name} {told(span)}"
    assert (span.end_time or 0) >= (span.start_time or 1)


FORKING = """
import os
from support.telemetry import call, run_row, watching

with watching() as watched:
    watched.observe(run_row(state="open"))
    if os.fork() == 0:
        watched.observe(call())
        watched.observe(run_row())
        print([(span.name, span.parent) for span in watched.spans], flush=True)
        os._exit(0)
    os.wait()
    watched.observe(run_row())
    print([span.name for span in watched.spans])
"""


@pytest.mark.slow
def test_a_fork_takes_no_open_span_along() -> None:
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=tests, capture_output=True, text=True, check=True
    )
    child, parent = done.stdout.splitlines()
    assert child == "[('chat big', None), ('invoke_agent', None)]"
    assert parent == "['invoke_agent']"


def test_without_opentelemetry_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError) as caught:
        OpenTelemetry()
    assert caught.value.hint == 'pip install "lean-agent[otel]"'
