"""What counts into a cap of seconds: all since the run was asked for, but no person's time."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import ANSWER, NATIVE, agent, searching

from lean_agent import Agent, Approval, ApprovalRequest, Budget, Ledger, Message, ToolCall, tool
from lean_agent._semconv import Mode
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.scripted import ScriptedModel
from lean_agent.runtime import parts

_CAP = 2.0


def post() -> Any:
    @tool(side_effects=True)
    def post(text: str) -> str:
        """Send."""
        return f"sent {text}"

    return post


async def thinks(_request: ApprovalRequest) -> Approval:
    await asyncio.sleep(_CAP + 0.2)
    return Approval(verdict="once")


@pytest.mark.slow
async def test_a_person_may_think_for_longer_than_the_run_has(ledger: Ledger) -> None:
    call = '{"tool":"post","arguments":{"text":"hi"}}'
    subject, _ = agent([call, ANSWER, "done"], ledger, tools=[post()], approve=thinks)
    result = await subject.run("x", mode="agent", budget=Budget(seconds=_CAP))
    assert (result.exit_status, result.output) == ("completed", "done")
    assert [step.observation for step in result.trajectory] == ["sent hi"]
    assert result.seconds < _CAP


@pytest.mark.slow
async def test_so_may_one_whom_a_sub_agent_asks(ledger: Ledger) -> None:
    asks = Message("assistant", "", (ToolCall("c1", "post", {"text": "hi"}),))
    helper = Agent(
        model=ScriptedModel([asks, "it is sent"], card=NATIVE), tools=[post()], mode="agent"
    ).as_tool(name="helper", description="Sends.", budget=Budget(seconds=_CAP))
    calls = Message("assistant", "", (ToolCall("c2", "helper", {"task": "send hi"}),))
    subject, model = agent([calls, "done"], ledger, NATIVE, tools=[helper], approve=thinks)
    result = await subject.run("x", mode="agent", budget=Budget(seconds=_CAP))
    assert (result.exit_status, result.output) == ("completed", "done")
    assert model.requests[-1].messages[-1].content == "it is sent"
    assert result.seconds < _CAP


@pytest.mark.slow
async def test_a_tool_that_asks_nobody_is_stopped_at_its_time(ledger: Ledger) -> None:
    @tool(timeout=0.2)
    async def slow() -> str:
        """Look."""
        await asyncio.sleep(60)
        return "never"

    subject, _ = agent(['{"tool":"slow","arguments":{}}', ANSWER, "done"], ledger, tools=[slow])
    result = await subject.run("x", mode="agent")
    (step,) = result.trajectory
    assert step.observation == "Error: slow took longer than 0.2 s and was stopped"
    assert 0.2 <= step.seconds < 2


async def test_what_is_imported_first_is_in_the_run_s_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_module("lean_agent.runtime.run")

    async def from_a_cold_disk() -> None:
        await asyncio.sleep(0.3)

    monkeypatch.setattr(parts, "_load_runtime", from_a_cold_disk)
    subject, model = agent(["never"], ledger, tools=[searching()])
    result = await subject.run("x", mode="instant", budget=Budget(seconds=0.25))
    assert (result.exit_status, result.limit, model.requests) == ("limit_exceeded", "seconds", [])
    assert result.seconds >= 0.3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["instant", "agent"])
async def test_a_server_that_times_out_by_itself_is_asked_again(
    mode: Mode, ledger: Ledger, server: FakeOpenAI
) -> None:
    server.say(Reply(status=504, body={"error": {"message": "the upstream is slow"}}))
    model = OpenAICompatibleModel("fake:x", base_url=server.url, card=NATIVE)
    async with Agent(model=model, ledger=ledger, tools=[searching()]) as subject:
        result = await subject.run("x", mode=mode, budget=Budget(seconds=120))
    assert (result.exit_status, result.output, len(server.chats)) == ("completed", "ok", 2)
