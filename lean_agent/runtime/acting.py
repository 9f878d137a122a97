"""The agent loop's nodes: think (one action) and act (its tool calls, side by side)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from lean_agent.errors import InvalidToolCallError, LimitExceededError
from lean_agent.events import StepStarted, Token
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ActionFormat, ModelRequest
from lean_agent.models.actions import action_schema, observations, parse_action, written
from lean_agent.result import TrajectoryStep
from lean_agent.runtime import prompts
from lean_agent.runtime.calling import make_calls
from lean_agent.runtime.drafting import next_draft
from lean_agent.runtime.executing import Plan
from lean_agent.runtime.foreseeing import next_foreseen
from lean_agent.runtime.forming import formed, in_form
from lean_agent.runtime.meter import Call
from lean_agent.runtime.narrowing import FIND_TOOLS
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

__all__ = ["act", "next_after_act", "next_after_think", "open_agent", "think"]

_ACTION_TOKENS = 256
_MAX_MISTAKES = 3
_MAX_IDLE = 2
_MAX_AGAIN = 2


async def open_agent(state: RunState, scope: RunScope) -> dict[str, Any]:
    """The message that begins an agent phase: the tools unless told before, what may help, and the
    task.
    """
    scope.prefetches.begin(state["task"])
    action_format = await scope.settle_format()
    task = prompts.again(state["task"], state["problem"]) if state["problem"] else state["task"]
    if action_format != "schema":  # there the answer is asked for apart
        task = in_form(scope, task)
    tools = await scope.disclosed.begin(action_format, state["messages"], task)
    scope.fell_back = False
    helping = await _helping(state, scope)
    return Message("user", prompts.agent_task(task, tools, helping)).to_dict()


async def _helping(state: RunState, scope: RunScope) -> str:
    """Solved examples and what earlier runs came to, unless told before."""
    texts: list[str] = []
    if scope.exemplars is not None:
        texts.append(await scope.exemplars.told(state["task"]))
    if scope.episodes is not None:
        texts.append(await scope.episodes.recalled(state["task"], scope.context))
    said = [message["content"] for message in state["messages"]]
    return "\n\n".join(
        text for text in texts if text and not any(text in before for before in said)
    )


async def think(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """One model call that picks the next action."""
    scope = runtime.context
    action_format = await scope.settle_format()
    told = await _told_anew(state, scope, action_format)
    before = [message.to_dict() for message in told]
    await scope.disclosed.follow(action_format, [*state["messages"], *before])
    if call := await next_foreseen(state, scope):
        action = written(call, action_format)
        foreseen = {**call.to_dict(), "foreseen": True}
        return {"messages": [*before, action.to_dict()], "calls": [foreseen], "mistakes": 0}
    constrained, native = action_format == "schema", action_format == "native"
    step = state["steps"] + 1
    request = ModelRequest(
        messages=(*messages_of(state), *told),
        tools=scope.specs if native else (),
        max_output_tokens=_ACTION_TOKENS if constrained else None,
        temperature=scope.temperature,
        seed=scope.seed,
        stop=("</tool>",) if action_format == "tagged" else (),
        response_schema=action_schema(scope.known_specs) if constrained else None,
    )
    scope.emit(StepStarted(step))
    # Native calls come apart from the text; elsewhere the text may turn out to be an action.
    channel = ("answer" if native else "action") if scope.streaming else None
    call = Call(purpose="act", mode="agent", step=step, channel=channel)
    if scope.prefetches.wanted and (constrained or channel is not None):
        # Constrained output is streamed inside anyway: to read along costs nothing.
        call = replace(call, watch=partial(scope.prefetches.written, action_format))
    try:
        response = await scope.call(request, call)
    except LimitExceededError as error:
        return {"calls": [], "limit": error.limit_type}
    scope.fell_back = False
    try:
        action = parse_action(response, action_format, scope.known_specs)
    except InvalidToolCallError as error:
        said = Message("assistant", response.message.content or "(no action)").to_dict()
        mend = Message("user", prompts.malformed(error.message)).to_dict()
        # Written once more it will be written ever again. Of native calls the message has nothing.
        again = action_format != "native" and [said, mend] == state["messages"][-2:]
        return {
            "messages": [*before, said, mend],
            "calls": [],
            "steps": step,
            "mistakes": _MAX_MISTAKES if again else state["mistakes"] + 1,
        }
    update: dict[str, Any] = {
        "messages": [*before, action.message.to_dict()],
        "calls": [c.to_dict() for c in action.calls],
        "steps": step,
        "mistakes": 0,
        "finish_reason": response.finish_reason,
    }
    if action.answer is not None:
        if channel == "action":
            scope.emit(Token(action.answer, "answer"))
        update |= {"output": action.answer, "answered": True, "formed": formed(scope)}
        update["confidence"] = None
    return update


async def _told_anew(
    state: RunState, scope: RunScope, action_format: ActionFormat
) -> tuple[Message, ...]:
    """How to call tools, for a model that comes to the run late and acts in another format."""
    if not scope.fell_back:
        return ()
    text = await scope.disclosed.begin(action_format, state["messages"], state["task"])
    return (Message("user", text),) if text else ()


async def act(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Make those calls of one action that are worth it."""
    scope = runtime.context
    await scope.disclosed.follow(await scope.settle_format(), state["messages"])
    calls = [ToolCall.from_dict(c) for c in state["calls"]]
    made = await make_calls(calls, state, scope)
    if any(call.get("foreseen") for call in state["calls"]):
        made = replace(made, results=[replace(r, foreseen=True) for r in made.results])
    shown, idle, news = _shown(made.plans, made.results, state, scope)
    # Servers take a message of a tool only after a call of their own, not after a written one.
    native = bool(state["messages"][-1].get("tool_calls"))
    told = observations("native" if native else "tagged", shown)
    if scope.show_budget:
        told[-1] = await _with_budget(told[-1], scope)
    stopped = idle and any(plan.decision.verdict == "stop" for plan in made.plans)
    return {
        "messages": [m.to_dict() for m in told],
        "trajectory": [r.to_dict() for r in made.results],
        "tool_calls": state["tool_calls"] + sum(not r.refused for r in made.results),
        "idle": _MAX_IDLE if stopped else state["idle"] + 1 if idle else 0,
        "limit": made.limit,
        "draft": next_draft(state, news=news),
    }


def _shown(
    plans: Sequence[Plan], results: Sequence[TrajectoryStep], state: RunState, scope: RunScope
) -> tuple[list[tuple[ToolCall, str]], bool, bool]:
    """What the model reads of each call; whether none of them was worth its step; and whether one
    found something new.
    """
    shown: list[tuple[ToolCall, str]] = []
    idle, news = True, False
    for plan, result in zip(plans, results, strict=True):
        text = result.observation
        gone = _compacted_away(text, state) and all(text != before for _, before in shown)
        if result.foreseen:
            idle = False
            # An earlier turn of the conversation may have had the same.
            stands = any(text in message.content for message in messages_of(state))
            text = prompts.repeated() if stands else text
            news = news or not (stands or result.is_error)
        elif result.served:
            idle = idle and not gone
            text = text if gone else prompts.repeated()
        elif result.refused:
            idle = idle and not plan.decision.news
        else:
            repeats = scope.memory.repeats(result.to_dict()) and not gone
            idle = idle and repeats
            found = not (repeats or result.is_error or result.unknown)
            news = news or (found and result.tool != FIND_TOOLS.name)
            if repeats:
                text = prompts.same_result()
            elif plan.decision.nudge:
                text += prompts.going_round(plan.decision.reason)
        shown.append((plan.call, text))
    return shown, idle, news


def _compacted_away(observation: str, state: RunState) -> bool:
    """Whether the model has read a result that it cannot read any more, and has not had it again
    too often.
    """
    if not state.get("compacted"):
        return False
    again = sum(s["served"] and s["observation"] == observation for s in state["trajectory"])
    stands = any(observation in message.content for message in messages_of(state))
    return again < _MAX_AGAIN and not stands


async def _with_budget(message: Message, scope: RunScope) -> Message:
    """Tell the model what is left in a message that is new anyway: the prefix stays as it was."""
    left = await scope.meter.spending.remaining()
    return replace(message, content=message.content + prompts.budget_line(left))


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
    """Back to thinking, by way of a draft where one is due; or on to the answer: at a limit, or
    when a nudge did not end a loop.
    """
    if state["limit"] or state["idle"] >= _MAX_IDLE:
        return "answer"
    return "draft" if state["draft"].get("due") else "think"
