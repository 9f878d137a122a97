"""The nodes that write an answer in one call: instant, and the agent's final answer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from lean_agent.errors import ContextLengthError, LimitExceededError
from lean_agent.events import StepStarted
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models.actions import ACTION_START, final_text
from lean_agent.runtime import prompts
from lean_agent.runtime.forming import called, formed, in_form
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

__all__ = [
    "MARKED_ANSWER_TOKENS",
    "answer",
    "final_request",
    "instant",
    "least_answer",
    "limited",
    "plain_request",
    "unsure",
]

_INSTANT_TOKENS = 512
_ANSWER_TOKENS = 512
MARKED_ANSWER_TOKENS = 64
_LEAST_EVIDENCE = 500  # bytes
_MAY_BE_JSON = re.compile(r"\{|json", re.IGNORECASE)
"""What a task or an instruction holds that may want an answer that begins as an action does: one
that names a JSON file may want it shown.
"""


def unsure(state: RunState, confidence: float | None) -> bool:
    """Whether the gate would have another mode go on from an instant answer like this."""
    decision = state.get("decision") or {}
    if not decision.get("then") or state["forced"] != "auto":
        return False
    return confidence is None or confidence < decision["sure"]


def limited(error: LimitExceededError, state: RunState) -> dict[str, Any]:
    """The update of a run that could not afford even its answer: it ends with what it has."""
    return {"limit": state["limit"] or error.limit_type, "finish_reason": "limit"}


async def instant(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Answer directly."""
    scope = runtime.context
    earlier = messages_of(state)
    going_on = state["going_on"] and scope.form is None  # half an object is written anew
    text = prompts.go_on(agent=False) if going_on else in_form(scope, state["task"])
    asked = Message("user", text)
    begun = earlier[-1].content if going_on else ""
    request = ModelRequest(
        messages=(*earlier, asked),
        max_output_tokens=_INSTANT_TOKENS,
        temperature=scope.temperature,
        seed=scope.seed,
        # llama.cpp's server gives none at all where no other token's are asked for.
        top_logprobs=1 if scope.meter.model.card.logprobs else None,
    )
    step = state["steps"] + 1
    scope.emit(StepStarted(step))
    channel = "answer" if scope.streaming else None
    call = Call(purpose="answer", mode="instant", step=step, final=True, channel=channel)
    try:
        response = await called(scope, request, call)
    except LimitExceededError as error:
        return limited(error, state)
    told = [asked.to_dict(), response.message.to_dict()]
    limit = state["limit"] or response.cut_by
    return {
        # A guess that another mode begins anew after would only mislead it.
        "messages": [] if unsure(state, response.confidence) and not limit else told,
        "output": (begun + response.message.content).strip(),
        "confidence": response.confidence,
        "answered": True,
        "finish_reason": response.finish_reason,
        "limit": limit,
        "steps": step,
        "going_on": False,
        "formed": formed(scope),
    }


async def answer(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """The agent's final answer, from the slice of the budget held back for it."""
    scope = runtime.context
    step = state["steps"] + 1
    scope.emit(StepStarted(step))
    channel = "answer" if scope.streaming else None
    call = Call(purpose="answer", mode="agent", step=step, final=True, channel=channel)
    request = final_request(state, scope)
    try:
        try:
            # To wait would give the slice up.
            response = await _whole_or_short(state, scope, request, replace(call, waits=False))
        except LimitExceededError:
            response = await _whole_or_short(state, scope, request, call)
    except LimitExceededError as error:
        return limited(error, state)
    said = response.message.content
    return {
        "messages": [request.messages[-1].to_dict(), response.message.to_dict()],
        "output": said.strip() if scope.form else final_text(said, scope.specs),
        "confidence": None,
        "answered": True,
        "finish_reason": response.finish_reason,
        "limit": state["limit"] or response.cut_by,
        "steps": step,
        "formed": formed(scope),
    }


def final_request(state: RunState, scope: RunScope) -> ModelRequest:
    """Asks for the agent's answer, as the last of its messages."""
    earlier = messages_of(state)
    text = prompts.final_answer(state["task"], found=bool(state["trajectory"]))
    asked = Message("user", in_form(scope, text))
    request = plain_request(scope, (*earlier, asked), _ANSWER_TOKENS)
    wishes = [state["task"], *(m.content for m in earlier if m.role == "system")]
    in_words = scope.form is None and not any(map(_MAY_BE_JSON.search, wishes))
    if in_words and scope.known_format() == "schema":
        return replace(request, not_beginning=ACTION_START)
    return request


async def _whole_or_short(
    state: RunState, scope: RunScope, request: ModelRequest, call: Call
) -> ModelResponse:
    try:
        return await called(scope, request, call)
    except (LimitExceededError, ContextLengthError) as error:
        return await _short_answer(state, scope, call, error)


async def _short_answer(
    state: RunState,
    scope: RunScope,
    call: Call,
    error: LimitExceededError | ContextLengthError,
) -> ModelResponse:
    """From as much of the evidence as fits, the newest first, in a request of its own.

    A byte is never less than a token, so cutting to as many bytes as there are tokens is safe.
    Without any evidence the task alone is asked. A call that waits does so for a little of it.
    """
    evidence = "\n\n".join(
        f"{s['tool']}: {s['observation']}" for s in state["trajectory"] if not s["served"]
    )
    remaining = await scope.meter.spending.remaining(final=True)
    window = scope.meter.model.card.context_tokens
    room = window if remaining.tokens is None else min(window, remaining.tokens)
    used = await least_answer(scope, state["task"])
    room -= used + MARKED_ANSWER_TOKENS
    if call.waits:
        room = max(room, min(_LEAST_EVIDENCE, window - used - MARKED_ANSWER_TOKENS))
    if evidence and room <= 0:
        raise LimitExceededError("tokens", "the prompt", f"{room + used} left") from error
    newest = evidence.encode()[-room:].decode(errors="ignore") if evidence else ""
    task = in_form(scope, state["task"])
    request = plain_request(scope, _evidence_messages(newest, task), _ANSWER_TOKENS)
    return await called(scope, request, call)


async def least_answer(scope: RunScope, task: str) -> int:
    """Tokens of the prompt that asks for an answer without any evidence."""
    messages = _evidence_messages("", in_form(scope, task))
    return await scope.meter.model.count_tokens(messages, ())


def _evidence_messages(evidence: str, task: str) -> tuple[Message, ...]:
    asked = prompts.from_evidence(evidence, task) if evidence else task
    return (Message("system", prompts.SYSTEM), Message("user", asked))


def plain_request(scope: RunScope, messages: tuple[Message, ...], tokens: int) -> ModelRequest:
    """A request for text. Native tools stay in it, unusable: they are part of the prefix."""
    native = any(m.tool_calls for m in messages) and scope.known_format() == "native"
    return ModelRequest(
        messages=messages,
        tools=scope.specs if native else (),
        tool_choice="none" if native else "auto",
        max_output_tokens=tokens,
        temperature=scope.temperature,
        seed=scope.seed,
    )
