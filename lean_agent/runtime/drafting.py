"""An agent's answer is asked for before its next action: a draft.

Where actions are held to a schema an answer takes a call of its own, after the action that says
that enough is known, and a small model rather makes one more call of a tool. How sure it is of a
draft tells whether there is any need to. One that is not sure enough is kept: it is the answer if
the next action is to answer, or if nothing more can be afforded.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import wraps
from typing import Any

from langgraph.runtime import Runtime

from lean_agent.errors import LimitExceededError, ModelError
from lean_agent.events import StepStarted, Token
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models.actions import final_text
from lean_agent.runtime.answering import final_request
from lean_agent.runtime.foreseeing import next_foreseen
from lean_agent.runtime.making_room import Node
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

__all__ = ["draft", "kept_or", "next_after_draft", "next_draft"]

_SURE = 0.8
"""Of the drafts that were answers to 85 development tasks (the suite ``mixed``, the local 1.5B
model), 27 of the 37 at or above it were right, and none of the 25 below.
"""
_TOKENS = 64
"""A longer answer is no fact that was looked up, and would be dear to write for nothing."""
_NO_ANSWER = re.compile(r"\s*(?:$|[{<]|```)")
"""Nothing; or an action, as JSON, in a tag or fenced."""
_NOTHING_FOUND = re.compile(
    r"\b(?:no(?!\W*$)|not|none|nothing|cannot|unable|unknown|unclear|unavailable|lacks?|missing"
    r"|absent|insufficient|sorry|n/a)\b|n't\b",
    re.IGNORECASE,
)
"""A model is sure of such an answer after any search that found nothing. A plain "No" may be
one.
"""


def next_draft(state: RunState, *, news: bool) -> dict[str, Any]:
    """The state's ``draft`` after calls: due where they have found something new."""
    before = state.get("draft", {})
    return {"due": True} if news and not before.get("long") else before


async def draft(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Ask for the answer from what has been found; where the model is sure of it, that is it."""
    scope = runtime.context
    request = await _request(state, scope)
    if request is None:
        return {"draft": {}}
    scope.emit(StepStarted(state["steps"] + 1))
    call = Call(purpose="draft", mode="agent", step=state["steps"] + 1, waits=False)
    try:
        response = await scope.call(request, call)
    except (LimitExceededError, ModelError) as error:
        if isinstance(error, ModelError) and error.retryable:
            raise  # the next action would only wait for it once more
        return {"draft": {}}  # if the next action meets it, too, that knows what to do
    said = response.message
    if response.finish_reason == "length" and response.usage.output_tokens >= _TOKENS:
        return {"draft": {"long": True}}
    if response.finish_reason != "stop" or _NO_ANSWER.match(said.content):
        return {"draft": {}}
    kept = {
        "model": scope.meter.model.name,
        "asked": request.messages[-1].to_dict(),
        "said": said.to_dict(),
        "confidence": response.confidence,
    }
    return _as_answer(kept, state, scope) if _is_sure(response) else {"draft": kept}


async def _request(state: RunState, scope: RunScope) -> ModelRequest | None:
    """None where a draft could not end the run, or may not.

    May not where a tool that is offered changes something: the task may ask for a deed, and a model
    is quick to say that it is done.
    """
    if scope.form is not None or not scope.meter.model.card.logprobs:
        return None
    if any(tool.spec.side_effects for tool in scope.tools.values()):
        return None
    request = final_request(state, scope)
    # Else JSON may be asked for, or actions are not held to a schema.
    in_words = bool(request.not_beginning)
    if not in_words or await next_foreseen(state, scope) is not None:
        return None
    # llama.cpp's server gives no log-probabilities where no other token's are asked for.
    return replace(request, max_output_tokens=_TOKENS, top_logprobs=1)


def _is_sure(response: ModelResponse) -> bool:
    if _NOTHING_FOUND.search(response.message.content):
        return False
    return response.confidence is not None and response.confidence >= _SURE


def next_after_draft(state: RunState) -> str:
    """The end of the work, or on to the next action."""
    return "verify" if state["answered"] else "think"


def kept_or(node: Node) -> Node:
    """The node that asks for the answer, where no draft of it by this model is kept."""

    @wraps(node)
    async def answer(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
        kept, scope = state.get("draft", {}), runtime.context
        if kept.get("model") != scope.meter.model.name or scope.form is not None:
            return await node(state, runtime)
        scope.emit(StepStarted(state["steps"] + 1))
        return _as_answer(kept, state, scope)

    return answer


def _as_answer(kept: dict[str, Any], state: RunState, scope: RunScope) -> dict[str, Any]:
    output = final_text(Message.from_dict(kept["said"]).content, scope.specs)
    if scope.streaming:
        scope.emit(Token(output, "answer"))
    return {
        "messages": [kept["asked"], kept["said"]],
        "output": output,
        "confidence": kept["confidence"],
        "answered": True,
        "finish_reason": "stop",
        "steps": state["steps"] + 1,
        "draft": {},
    }
