"""The agent loop's nodes: think (one action) and act (its tool calls, side by side)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from lean_agent.errors import (
    ContextLengthError,
    InvalidToolCallError,
    LimitExceededError,
)
from lean_agent.events import StepStarted, Token, ToolFinished, ToolStarted
from lean_agent.ledger.budget import Amount
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ModelRequest
from lean_agent.models.actions import action_schema, instructions, observations, parse_action
from lean_agent.result import TrajectoryStep
from lean_agent.runtime import prompts
from lean_agent.runtime.meter import Call
from lean_agent.runtime.observing import observe
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

__all__ = ["act", "next_after_act", "next_after_think", "open_agent", "think"]

_ACTION_TOKENS = 256
_MAX_MISTAKES = 3
_MAX_IDLE = 2


async def open_agent(state: RunState, scope: RunScope) -> dict[str, Any]:
    """The message that begins an agent phase: the tools, unless told before, then the task."""
    scope.prefetches.begin(state["task"])
    text = instructions(await scope.settle_format(), scope.specs)
    if any(text in m["content"] for m in state["messages"]):
        text = ""
    task = prompts.again(state["task"], state["problem"]) if state["problem"] else state["task"]
    return Message("user", prompts.agent_task(task, text)).to_dict()


async def think(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """One model call that picks the next action."""
    scope = runtime.context
    action_format = await scope.settle_format()
    constrained, native = action_format == "schema", action_format == "native"
    step = state["steps"] + 1
    request = ModelRequest(
        messages=messages_of(state),
        tools=scope.specs if native else (),
        max_output_tokens=_ACTION_TOKENS if constrained else None,
        temperature=scope.temperature,
        seed=scope.seed,
        stop=("</tool>",) if action_format == "tagged" else (),
        response_schema=action_schema(scope.specs) if constrained else None,
    )
    scope.emit(StepStarted(step))
    # Native calls come apart from the text; elsewhere the text may turn out to be an action.
    channel = ("answer" if native else "action") if scope.streaming else None
    call = Call(purpose="act", mode="agent", step=step, channel=channel)
    if scope.prefetches.wanted and (constrained or channel is not None):
        # Constrained output is streamed inside anyway: to read along costs nothing.
        call = replace(call, watch=partial(scope.prefetches.written, action_format))
    try:
        response = await scope.meter.call(request, call)
    except LimitExceededError as error:
        return {"calls": [], "limit": error.limit_type}
    except ContextLengthError:
        return {"calls": [], "limit": "context"}
    try:
        action = parse_action(response, action_format, scope.specs)
    except InvalidToolCallError as error:
        said = Message("assistant", response.message.content or "(no action)")
        mend = Message("user", prompts.malformed(error.message))
        return {
            "messages": [said.to_dict(), mend.to_dict()],
            "calls": [],
            "steps": step,
            "mistakes": state["mistakes"] + 1,
        }
    update: dict[str, Any] = {
        "messages": [action.message.to_dict()],
        "calls": [c.to_dict() for c in action.calls],
        "steps": step,
        "mistakes": 0,
        "finish_reason": response.finish_reason,
    }
    if action.answer is not None:
        if channel == "action":
            scope.emit(Token(action.answer, "answer"))
        update |= {"output": action.answer, "answered": True}
    return update


async def act(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Run the calls of one action. Calls that are safe beside each other run side by side."""
    scope = runtime.context
    calls = [ToolCall.from_dict(c) for c in state["calls"]]
    in_line = asyncio.Lock()
    limit = ""

    async def one(call: ToolCall, plan: _Plan) -> TrajectoryStep:
        if scope.tools[call.name].spec.concurrency_safe:
            return await _call_tool(call, plan, state["steps"], scope)
        async with in_line:
            return await _call_tool(call, plan, state["steps"], scope)

    plans: list[_Plan] = []
    for call in calls:
        plan = _Plan(served=_earlier(call, state, scope))
        if plan.served is None:
            try:
                with scope.meter.spending.account.reserve(Amount(tool_calls=1)) as reservation:
                    reservation.settle(Amount(tool_calls=1))
            except LimitExceededError as error:
                limit = error.limit_type
                plan = _Plan(refused=f"Refused: {error.message}")
        plans.append(plan)
    action_format = await scope.settle_format()
    results = await asyncio.gather(*(one(c, p) for c, p in zip(calls, plans, strict=True)))
    shown = [
        (call, prompts.repeated() if r.served else r.observation)
        for call, r in zip(calls, results, strict=True)
    ]
    executed = sum(plan.refused is None for plan in plans)
    told = observations(action_format, shown)
    if scope.show_budget:
        told[-1] = await _with_budget(told[-1], scope)
    return {
        "messages": [m.to_dict() for m in told],
        "trajectory": [r.to_dict() for r in results],
        "tool_calls": state["tool_calls"] + executed,
        "idle": state["idle"] + 1 if all(r.served for r in results) else 0,
        "limit": limit,
    }


async def _with_budget(message: Message, scope: RunScope) -> Message:
    """Tell the model what is left in a message that is new anyway: the prefix stays as it was."""
    left = await scope.meter.spending.remaining()
    return replace(message, content=message.content + prompts.budget_line(left))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with a call: serve an earlier result, refuse it, or run it."""

    served: str | None = None
    refused: str | None = None


def _earlier(call: ToolCall, state: RunState, scope: RunScope) -> str | None:
    """The result of the same call, if it has one and no side effect came between."""
    if scope.tools[call.name].spec.side_effects:
        return None
    for step in reversed(state["trajectory"]):
        tool = scope.tools.get(step["tool"])
        if tool is None or tool.spec.side_effects:
            return None
        if step["tool"] == call.name and step["arguments"] == call.arguments:
            return None if step["is_error"] else step["observation"]
    return None


async def _call_tool(call: ToolCall, plan: _Plan, step: int, scope: RunScope) -> TrajectoryStep:
    scope.emit(ToolStarted(call.id, call.name, call.arguments))
    started = time.perf_counter()
    served, is_error = plan.served is not None, plan.refused is not None
    if plan.served is not None:
        observation = plan.served
    elif plan.refused is not None:
        observation = plan.refused
    else:
        try:
            observation, is_error = await observe(
                call,
                scope.tools[call.name],
                scope.meter,
                scope.prefetches.context_of(call.name),
                let_through=(GraphBubbleUp,),
            )
        except BaseException:
            scope.meter.book.tool(call.name, step, time.perf_counter() - started, "cancelled")
            raise
    seconds = time.perf_counter() - started
    scope.emit(ToolFinished(call.id, call.name, observation, is_error, served, seconds))
    done = TrajectoryStep(
        step=step,
        tool=call.name,
        arguments=dict(call.arguments),
        observation=observation,
        is_error=is_error,
        served=served,
        seconds=round(seconds, 4),
    )
    outcome = "served" if served else "refused" if plan.refused is not None else "done"
    scope.meter.book.tool(call.name, step, seconds, outcome, is_error=is_error)
    return done


def next_after_think(state: RunState) -> str:
    """Where the loop goes after an action."""
    if state["limit"] or state["mistakes"] >= _MAX_MISTAKES:
        return "answer"
    if state["calls"]:
        return "act"
    if state["answered"]:
        return "verify"
    return "think" if state["mistakes"] else "answer"


def next_after_act(state: RunState) -> str:
    """Back to thinking, or on to the answer: at a limit, or when a nudge did not end a loop."""
    return "answer" if state["limit"] or state["idle"] >= _MAX_IDLE else "think"
