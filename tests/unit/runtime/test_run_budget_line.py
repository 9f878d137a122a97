"""The model is told what is left, and the prefix stays what it was."""

from __future__ import annotations

import pytest
from support.scripted_runs import ANSWER, NATIVE, SEARCH, agent, searching, starts_with_the_previous

from lean_agent import Budget, Ledger, ToolCall
from lean_agent.messages import Message
from lean_agent.model import ModelRequest


def told(requests: list[ModelRequest]) -> list[str]:
    return [
        message.content.rpartition("(Left to spend: ")[2].rstrip(")")
        for message in requests[-1].messages
        if "(Left to spend: " in message.content
    ]


async def test_each_observation_ends_with_what_is_left(ledger: Ledger) -> None:
    script = [SEARCH, SEARCH.replace("gallium", "tin"), ANSWER, "ok"]
    subject, model = agent(
        script,
        ledger,
        tools=[searching()],
        budget=Budget(steps=9, tokens=5000, tool_calls=4),
        show_budget=True,
    )
    await subject.run("x", mode="agent")
    lines = told(model.requests)
    assert len(lines) == 2
    steps = [int(line.split(" steps")[0]) for line in lines]
    assert steps == [7, 6], "one of nine is taken, one held back"
    assert "3 tool calls" in lines[0]
    assert "tokens" in lines[0]
    assert starts_with_the_previous(model.requests)


async def test_native_calls_are_told_too(ledger: Ledger) -> None:
    call = Message("assistant", "", (ToolCall("c1", "search", {"query": "tin"}),))
    subject, model = agent(
        [call, "done"],
        ledger,
        NATIVE,
        tools=[searching()],
        budget=Budget(steps=5),
        show_budget=True,
    )
    await subject.run("x", mode="agent")
    assert told(model.requests) == ["3 steps"]
    assert model.requests[-1].messages[-1].role == "tool"


@pytest.mark.parametrize("show_budget", [True, False])
async def test_nothing_is_told_without_limits_or_unasked(ledger: Ledger, show_budget: bool) -> None:
    budget = Budget() if show_budget else Budget(steps=9)
    subject, model = agent(
        [SEARCH, ANSWER, "ok"],
        ledger,
        tools=[searching()],
        budget=budget,
        show_budget=show_budget,
    )
    await subject.run("x", mode="agent")
    assert told(model.requests) == []
