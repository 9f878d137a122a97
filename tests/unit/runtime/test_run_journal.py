"""What had happened when a run was cut off in the middle of a node, on a scripted model."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, NATIVE, Hanging, agent, rows

from lean_agent import (
    Agent,
    Approval,
    ApprovalRequest,
    Ledger,
    Message,
    Preview,
    Tool,
    ToolError,
    tool,
)
from lean_agent.events import ToolFinished
from lean_agent.ledger import queries
from lean_agent.messages import ToolCall
from lean_agent.model import ModelRequest
from lean_agent.reasoning import Ask, Problem


class Sender:
    """Sends a text, and tells when it has begun with one that takes for ever."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.hangs = asyncio.Event()

    def tool(self, **options: Any) -> Tool:
        @tool(side_effects=True, concurrency_safe=False, cost_hint="0.10", **options)
        async def send(text: str) -> str:
            """Send.

            Args:
                text: What.
            """
            self.sent.append(text)
            if text == "hang" and self.sent.count(text) == 1:
                self.hangs.set()
                await asyncio.sleep(60)
            return f"sent {text}"

        return send


def sends(*texts: str) -> Message:
    calls = (ToolCall(f"c{n}", "send", {"text": text}) for n, text in enumerate(texts))
    return Message("assistant", "", tuple(calls))


async def interrupted(subject: Agent, at: asyncio.Event, **more: Any) -> Any:
    """The result of a run that is stopped there."""
    stop = asyncio.Event()

    async def last() -> Any:
        return [e async for e in subject.stream("x", mode="agent", stop=stop, **more)][-1]

    running = asyncio.ensure_future(last())
    await at.wait()
    stop.set()
    return (await running).result


async def test_a_call_that_was_cut_off_is_told_and_not_made_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    sender = Sender()
    more: dict[str, Any] = {
        "checkpoints": tmp_path / "runs.sqlite", "allow": ["send"], "tools": [sender.tool()],
    }  # fmt: skip
    first_agent, _ = agent([sends("a", "hang", "b")], ledger, NATIVE, **more)
    first = await interrupted(first_agent, sender.hangs)
    assert (first.exit_status, sender.sent) == ("interrupted", ["a", "hang"])

    subject, model = agent(["done"], ledger, NATIVE, **more)
    events = [event async for event in subject.resume_stream(first.run_id)]
    result: Any = getattr(events[-1], "result", None)
    assert (result.exit_status, result.output) == ("completed", "done")
    assert sender.sent == ["a", "hang", "b"], "neither what was done nor what may have been"
    told = [message.content for message in model.requests[0].messages[-3:]]
    assert told[::2] == ["sent a", "sent b"]
    assert told[1].startswith("Unknown: ")

    finished = [event for event in events if isinstance(event, ToolFinished)]
    assert [event.unknown for event in finished] == [True, False], "one was finished before"
    assert [call.arguments for call in result.unknown_calls] == [{"text": "hang"}]
    assert result.to_dict()["unknown_calls"] == [{"tool": "send", "arguments": {"text": "hang"}}]
    (notice,) = result.notices
    assert notice == 'the call send {"text": "hang"} was cut off: it may have happened or not'
    assert (result.tool_calls, result.usage.cost) == (3, Decimal("0.30")), "each is paid once"
    tools = [row for row in queries.show(ledger.folder, result.run_id) if row["tool"]]
    assert [row["finish_reason"] for row in tools] == ["done", "cancelled", "done"]


async def test_an_idempotent_call_that_was_cut_off_is_made_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    sender = Sender()
    more: dict[str, Any] = {
        "checkpoints": tmp_path / "runs.sqlite",
        "allow": ["send"],
        "tools": [sender.tool(idempotent=True)],
    }
    first_agent, _ = agent([sends("a", "hang")], ledger, NATIVE, **more)
    first = await interrupted(first_agent, sender.hangs)
    subject, _ = agent(["done"], ledger, NATIVE, **more)
    result = await subject.resume(first.run_id)
    assert (sender.sent, result.unknown_calls) == (["a", "hang", "hang"], ())


class Twice:
    """Asks the same twice, as a vote does, and then something else."""

    most_calls = 3

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        request = ModelRequest(messages=(*problem.earlier, Message("user", problem.task)))
        one, other = await ask(request), await ask(request)
        last = Message("user", f"{one.message.content} or {other.message.content}?")
        response = await ask(ModelRequest(messages=(*request.messages, last)), last=True)
        return (*request.messages[-1:], one.message, last, response.message)


async def test_answers_that_were_paid_for_in_a_node_that_was_cut_off_are_not_asked_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    never = Hanging()
    more: dict[str, Any] = {"checkpoints": tmp_path / "runs.sqlite", "reasoning": Twice()}
    first_agent, _ = agent(["six", "seven", never], ledger, **more)
    stop = asyncio.Event()

    async def last() -> Any:
        return [e async for e in first_agent.stream("x", mode="reason", stop=stop)][-1]

    running = asyncio.ensure_future(last())
    await never.begun.wait()
    stop.set()
    first = (await running).result

    subject, model = agent(["Answer: 7"], ledger, **more)
    result = await subject.resume(first.run_id)
    assert (result.output, len(model.requests)) == ("7", 1)
    assert model.requests[0].messages[-1].content == "six or seven?"
    entries = rows(ledger, result)
    assert [row["error_type"] for row in entries] == [None, None, "cancelled", None]
    assert result.usage.total_tokens == sum(
        row["input_tokens"] + row["output_tokens"] for row in entries
    )


async def test_always_survives_a_kill_right_after_it_was_said(
    ledger: Ledger, tmp_path: Path
) -> None:
    sender = Sender()
    asked: list[str] = []

    async def approve(request: ApprovalRequest) -> Approval:
        asked.append(str(request.arguments["text"]))
        return Approval(verdict="always")

    def told(text: str) -> Preview:
        return Preview(text=text, subject=text, always="*")

    more: dict[str, Any] = {
        "checkpoints": tmp_path / "runs.sqlite", "tools": [sender.tool(preview=told)],
    }  # fmt: skip
    first_agent, _ = agent([sends("hang")], ledger, NATIVE, approve=approve, **more)
    first = await interrupted(first_agent, sender.hangs)
    second_agent, _ = agent([sends("b"), RuntimeError("gone")], ledger, NATIVE, **more)
    with pytest.raises(Exception, match="gone"):
        await second_agent.resume(first.run_id)
    assert (sender.sent, asked) == (["hang", "b"], ["hang"])
    third_agent, _ = agent([sends("c"), "done"], ledger, NATIVE, **more)
    await third_agent.resume(first.run_id)
    assert sender.sent == ["hang", "b", "c"], "it is in the state as well"


async def test_what_somebody_is_asked_about_is_what_is_so_by_then(ledger: Ledger) -> None:
    text = ["one"]

    def would(old: str, new: str) -> Preview:
        if old not in text:
            raise ToolError(f"there is no {old}")
        return Preview(text=f"{text[0]}: {old} -> {new}", subject=old)

    @tool(side_effects=True, preview=would)
    def edit(old: str, new: str) -> str:
        """Edit.

        Args:
            old: This.
            new: That.
        """
        text[text.index(old)] = new
        return "edited"

    shown: list[str] = []

    async def approve(request: ApprovalRequest) -> Approval:
        shown.append(request.preview)
        return Approval(verdict="once")

    edits = [("one", "two"), ("two", "three"), ("one", "four")]
    calls = (ToolCall(o, "edit", {"old": o, "new": n}) for o, n in edits)
    script = [Message("assistant", "", tuple(calls)), "done"]
    subject, model = agent(script, ledger, NATIVE, tools=[edit], approve=approve)
    await subject.run("x", mode="agent")
    assert shown == ["one: one -> two", "two: two -> three"]
    assert text == ["three"]
    assert "there is no one" in model.requests[1].messages[-1].content


async def test_a_call_whose_beginning_cannot_be_kept_is_not_made(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async def full(*_args: object, **_more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(AsyncSqliteSaver, "aput_writes", full)
    sender = Sender()
    script = ['{"tool":"send","arguments":{"text":"a"}}', ANSWER, "not sent"]
    subject, model = agent(
        script, ledger, tools=[sender.tool()], allow=["send"], checkpoints=tmp_path / "runs.sqlite"
    )
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, sender.sent, result.tool_calls) == ("completed", [], 0)
    assert "Refused: that it begins could not be kept" in model.requests[1].messages[-1].content
