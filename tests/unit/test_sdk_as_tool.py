"""An agent as a tool of another one: one budget, one ledger, one person to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.scripted_runs import NATIVE

from lean_agent import (
    Account,
    Agent,
    Approval,
    ApprovalRequest,
    Budget,
    ConfigurationError,
    Ledger,
    Message,
    RunContext,
    RunResult,
    Tool,
    ToolCall,
    Usage,
    tool,
)
from lean_agent.cli.ledger.run_tree import nest
from lean_agent.errors import ModelError
from lean_agent.events import CostUpdated, Event, RunFinished
from lean_agent.ledger import queries
from lean_agent.model import ModelRequest
from lean_agent.models.scripted import ScriptedModel
from lean_agent.testing import check_tool


def calling(name: str, **arguments: str) -> Message:
    return Message("assistant", "", (ToolCall(f"call_{name}", name, arguments),))


ASK = calling("expert", task="How hot does gallium melt?")


def agent(script: Sequence[Any], **more: Any) -> tuple[Agent[str], ScriptedModel]:
    model = ScriptedModel(script, card=NATIVE)
    return Agent(model=model, mode="agent" if more.get("tools") else "instant", **more), model


def expert(script: Sequence[Any], budget: Budget | None = None, **more: Any) -> Tool:
    return agent(script, **more)[0].as_tool(
        name="expert", description="Knows metals.", budget=budget
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


async def run(ledger: Ledger, *tools: Tool, script: Sequence[Any] = (ASK, "29.8"), **more: Any):
    caller, model = agent(script, tools=tools, ledger=ledger, **more)
    return await caller.run("Ask the expert.", session_id="s1"), model


async def test_what_it_spends_is_the_callers_and_stands_below_it(ledger: Ledger) -> None:
    result, model = await run(ledger, expert(["It melts at 29.8 degrees."]))
    assert result.output == "29.8"
    (step,) = result.trajectory
    assert (step.tool, step.observation) == ("expert", "It melts at 29.8 degrees.")
    told = {spec.name: spec for spec in model.requests[0].tools}
    assert told["expert"].description == "Knows metals."
    assert list(told["expert"].parameters["properties"]) == ["task"]

    rows = queries.show(ledger.folder, result.run_id, below=True)
    own = [row for row in rows if row["run_id"] == result.run_id]
    nested = [row for row in rows if row["run_id"] != result.run_id]
    (root,) = [row for row in nested if row["purpose"] == "run"]
    assert root["parent_id"] in {row["id"] for row in own if row["operation"] == "chat"}
    assert root["finish_reason"] == "completed"
    assert {row["session_id"] for row in rows} == {"s1"}
    spent = sum((Usage(input_tokens=r["input_tokens"]) for r in rows), Usage())
    assert result.usage.input_tokens == spent.input_tokens
    assert result.steps == 3

    tree = nest(rows)
    assert tree["run_id"] == result.run_id
    (below,) = [run for step in tree["steps"] for call in step["calls"] for run in call["runs"]]
    assert below["run_id"] == root["run_id"]
    assert [len(step["calls"]) for step in below["steps"]] == [1]
    assert tree["total"]["input_tokens"] == tree["input_tokens"] + below["input_tokens"]
    assert tree["total"]["input_tokens"] == result.usage.input_tokens


@pytest.mark.parametrize(
    ("given", "own"),
    [(Budget(tokens=3_000), None), (None, Budget(tokens=3_000)), (Budget(tokens=3_000), Budget())],
)
async def test_neither_the_callers_budget_nor_its_own_is_overrun(
    given: Budget | None, own: Budget | None, ledger: Ledger
) -> None:
    endless = ["word " * 2_000] * 9
    result, _ = await run(ledger, expert(endless, own), budget=given)
    rows = queries.show(ledger.folder, result.run_id, below=True)
    nested = [row for row in rows if row["run_id"] != result.run_id]
    assert 0 < sum(row["input_tokens"] + row["output_tokens"] for row in nested) <= 3_000
    assert sum(row["input_tokens"] + row["output_tokens"] for row in rows) == (
        result.usage.total_tokens
    )
    if given is not None:
        assert result.usage.total_tokens <= 3_000
    assert result.output  # what was held back paid for an answer


async def test_a_limit_and_a_failure_are_told_to_the_model(ledger: Ledger) -> None:
    @tool
    def look(at: str) -> str:
        """Look."""
        return at

    looking = [calling("look", at=str(n)) for n in range(3)]
    few = expert([*looking, "as far as I got"], Budget(steps=2), tools=[look])
    result, _ = await run(ledger, few)
    assert "its steps limit ended its work" in result.trajectory[0].observation

    result, model = await run(ledger, expert([ModelError("the wires are cut")]))
    assert result.exit_status == "completed"
    assert result.trajectory[0].is_error
    assert "expert failed: the wires are cut" in model.requests[-1].messages[-1].content


class Melting(BaseModel):
    metal: str
    celsius: float


async def test_an_answer_of_a_type_is_told_as_json(ledger: Ledger) -> None:
    typed = Agent(
        model=ScriptedModel(['{"metal": "gallium", "celsius": 29.8}'], card=NATIVE),
        mode="instant",
        output_type=Melting,
    ).as_tool(name="expert", description="Knows metals.")
    result, _ = await run(ledger, typed)
    assert result.trajectory[0].observation == '{"metal":"gallium","celsius":29.8}'


async def test_the_person_whom_the_caller_asks_is_asked_about_the_inner_call(
    ledger: Ledger,
) -> None:
    sent: list[str] = []
    asked: list[ApprovalRequest] = []

    @tool(side_effects=True)
    def send(text: str) -> str:
        """Send."""
        sent.append(text)
        return "sent"

    async def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return Approval(verdict="once" if len(asked) == 1 else "deny")

    script = [calling("send", text="hi"), calling("send", text="again"), "done"]
    result, _ = await run(ledger, expert(script, tools=[send]), approve=approve)
    assert [request.tool for request in asked] == ["send", "send"]
    assert sent == ["hi"]
    assert not result.trajectory[0].is_error


async def test_calls_that_change_something_are_never_served_from_memory(ledger: Ledger) -> None:
    @tool(side_effects=True)
    def send(text: str) -> str:
        """Send."""
        return text

    changing = expert(["first", "second"], tools=[send])
    assert changing.spec.side_effects
    assert not changing.spec.needs_approval
    result, _ = await run(ledger, changing, script=(ASK, ASK, "done"))
    assert [step.observation for step in result.trajectory] == ["first", "second"]


async def test_cancelled_with_its_caller_it_is_charged_all_the_same(ledger: Ledger) -> None:
    reached = asyncio.Event()

    async def hang(_request: ModelRequest) -> str:
        reached.set()
        await asyncio.sleep(60)
        return "never"

    account = Account()
    caller, _ = agent([ASK], tools=[expert([hang])], ledger=ledger, account=account)
    stop = asyncio.Event()

    async def watch() -> list[Event]:
        return [event async for event in caller.stream("Ask.", stop=stop)]

    watching = asyncio.ensure_future(watch())
    await asyncio.wait_for(reached.wait(), 5)
    stop.set()
    seen = await asyncio.wait_for(watching, 5)
    assert isinstance(seen[-1], RunFinished)
    result: RunResult[Any] = seen[-1].result
    assert result.exit_status == "interrupted"
    rows = queries.show(ledger.folder, result.run_id, below=True)
    states = {row["run_id"]: row["finish_reason"] for row in rows if row["purpose"] == "run"}
    assert list(states.values()) == ["interrupted", "interrupted"]
    told = sum(row["input_tokens"] + row["output_tokens"] for row in rows)
    assert account.spent.tokens == result.usage.total_tokens == told
    assert [e.usage for e in seen if isinstance(e, CostUpdated)][-1] == result.usage


@dataclass
class Shop:
    name: str


async def test_the_callers_deps_reach_the_inner_tools(ledger: Ledger) -> None:
    @tool
    def shop(ctx: RunContext[Shop]) -> str:
        """Name the shop."""
        return ctx.deps.name

    inner = expert([calling("shop"), "at Ann's"], tools=[shop])
    caller, _ = agent([ASK, "done"], tools=[inner], ledger=ledger)
    result = await caller.run("Ask.", deps=Shop("Ann's"))
    assert result.trajectory[0].observation == "at Ann's"


async def test_an_account_of_its_own_must_be_above_the_caller(ledger: Ledger) -> None:
    session = Account(Budget(tokens=50_000))
    result, _ = await run(ledger, expert(["fine"], account=session), account=session)
    assert result.trajectory[0].observation == "fine"
    assert session.spent.tokens == result.usage.total_tokens
    result, _ = await run(ledger, expert(["fine"], account=Account()), account=session)
    assert "an account of its own" in result.trajectory[0].observation


async def test_it_is_a_tool_as_any_other() -> None:
    await check_tool(expert(["fine"] * 20), {"task": "Say something."})
    with pytest.raises(ConfigurationError, match="two words"):
        agent([])[0].as_tool(name="two words", description="x")
