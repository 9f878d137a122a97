"""What tools are handed by the caller, and code of the caller's that a run waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, NATIVE, SEARCH, agent, searching

from lean_agent import (
    Agent,
    ConfigurationError,
    Hooks,
    Ledger,
    Message,
    RunContext,
    RunResult,
    ToolCall,
    tool,
)
from lean_agent.errors import HookError, ModelError
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models.scripted import ScriptedModel
from lean_agent.result import TrajectoryStep


@dataclass
class Stock:
    pieces: int


@tool
def pieces(ctx: RunContext[Stock]) -> int:
    """Say how many pieces there are."""
    return ctx.deps.pieces


@tool
def perhaps(ctx: RunContext[Stock | None]) -> str:
    """Say whether there is stock."""
    return str(ctx.deps)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def test_typed_deps_are_hidden_from_the_model_and_reach_the_tool(ledger: Ledger) -> None:
    script = ['{"tool":"pieces","arguments":{}}', ANSWER, "seven"]
    subject, _ = agent(script, ledger, tools=[pieces], mode="agent")
    assert pieces.spec.parameters["properties"] == {}
    result = subject.run_sync("How many?", deps=Stock(7))
    assert result.trajectory[0].observation == "7"


@pytest.mark.parametrize("deps", [None, "a string"])
def test_deps_of_another_type_are_refused_before_anything_is_spent(
    deps: object, ledger: Ledger
) -> None:
    subject, model = agent(["never asked"], ledger, tools=[pieces])
    with pytest.raises(ConfigurationError, match="pieces needs deps of type Stock"):
        subject.run_sync("How many?", deps=deps)
    assert not model.requests


def test_a_union_may_be_left_out(ledger: Ledger) -> None:
    subject, _ = agent(["fine"], ledger, tools=[perhaps], mode="instant")
    assert subject.run_sync("x").output == "fine"
    with pytest.raises(ConfigurationError, match="perhaps needs deps"):
        subject.run_sync("x", deps=3)


class Told(Hooks):
    """Writes down what it is told, and raises where it is asked to."""

    def __init__(self, raising: str = "") -> None:
        self.seen: list[str] = []
        self.ended: list[RunResult[Any]] = []
        self.raising = raising

    def _note(self, what: str) -> None:
        self.seen.append(what)
        if what == self.raising:
            raise KeyError("the till is shut")

    async def before_model(self, request: ModelRequest, ctx: RunContext) -> None:
        assert ctx.task == "What is gallium?"
        assert request.messages
        self._note("before_model")

    async def after_model(
        self, request: ModelRequest, response: ModelResponse, ctx: RunContext
    ) -> None:
        assert response.usage.total_tokens
        self._note("after_model")

    async def before_tool(self, call: ToolCall, ctx: RunContext) -> None:
        self._note(f"before_tool {call.name}")

    async def after_tool(self, step: TrajectoryStep, ctx: RunContext) -> None:
        self._note(f"after_tool {step.observation[:13]}")

    async def on_end(self, result: RunResult[Any]) -> None:
        self.ended.append(result)
        self._note("on_end")


SCRIPT = [SEARCH, ANSWER, "a metal"]
TOLD = [
    "before_model",
    "after_model",
    "before_tool search",
    "after_tool About gallium",
    "before_model",
    "after_model",
    "before_model",
    "after_model",
    "on_end",
]


def hooked(ledger: Ledger, *hooks: Hooks) -> tuple[Agent, ScriptedModel]:
    return agent(SCRIPT, ledger, tools=[searching()], mode="agent", hooks=hooks)


def test_hooks_are_called_around_each_call_and_at_the_end(ledger: Ledger) -> None:
    first, second = Told(), Told()
    result = hooked(ledger, first, second)[0].run_sync("What is gallium?")
    assert first.seen == second.seen == TOLD
    assert first.ended == [result]


@pytest.mark.parametrize("raising", dict.fromkeys(TOLD))
def test_a_hook_that_raises_ends_the_run_and_what_was_spent_is_kept(
    raising: str, ledger: Ledger
) -> None:
    told = Told(raising)
    subject, model = hooked(ledger, told)
    with pytest.raises(HookError, match=rf"Told\.{raising.split()[0]} .*the till is shut") as info:
        subject.run_sync("What is gallium?")
    assert isinstance(info.value.__cause__, KeyError)
    result = info.value.result
    assert result is not None
    assert bool(result.usage.total_tokens) == bool(model.requests)
    assert told.seen[-1] == "on_end"  # of a run that failed, too


def test_the_runs_own_error_says_more_than_that_of_a_hook_at_its_end(ledger: Ledger) -> None:
    told = Told("on_end")
    subject, _ = agent([ModelError("down")], ledger, mode="instant", hooks=[told])
    with pytest.raises(ModelError, match="down") as info:
        subject.run_sync("What is gallium?")
    assert "the till is shut" in "\n".join(info.value.__notes__)


async def test_no_call_goes_on_behind_the_back_of_a_run_that_a_hook_ended(ledger: Ledger) -> None:
    ended: list[str] = []

    @tool
    async def slow(name: str) -> str:
        """Wait."""
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)
        return name

    class Refuses(Hooks):
        async def before_tool(self, call: ToolCall, ctx: RunContext) -> None:
            await asyncio.sleep(0.01)
            if call.arguments["name"] == "second":
                raise ValueError("no")

    both = tuple(ToolCall(name, "slow", {"name": name}) for name in ("first", "second"))
    script = [Message("assistant", "", both)]
    subject, _ = agent(script, ledger, NATIVE, tools=[slow], mode="agent", hooks=[Refuses()])
    with pytest.raises(HookError):
        await asyncio.wait_for(subject.run("x"), 5)
    assert ended == ["first"]
    assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
