"""An agent's answer is asked for before its next action: a draft.

Where actions are held to a schema an answer takes a call of its own, after the action that says
that enough is known, and a small model rather makes one more call of a tool. How sure it is of a
draft tells whether there is any need to. One that is not sure enough is kept: it is the answer if
the next action is to answer, and is never paid for twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from langgraph.runtime import Runtime

from lean_agent.errors import ContextLengthError, LimitExceededError
from lean_agent.events import Token
from lean_agent.messages import Message
from lean_agent.models.actions import ACTION_START, final_text
from lean_agent.result import TrajectoryStep
from lean_agent.runtime.answering import final_request
from lean_agent.runtime.making_room import Node
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

__all__ = ["draft", "kept_or", "next_after_draft", "next_draft"]

_SURE = 0.9
"""Of instant answers a calibration said .92."""
_TOKENS = 64
"""A longer answer is no fact that was looked up, and would be dear to write for nothing."""
_NOTHING_FOUND = re.compile(
    r"\b(?:no|not|none|nothing|cannot|unable|unknown|unclear|sorry)\b|n't\b", re.IGNORECASE
)
"""A model is sure of such an answer after any search that found nothing."""


def next_draft(
    results: Sequence[TrajectoryStep], state: RunState, scope: RunScope
) -> dict[str, Any]:
    """The state's ``draft`` after these calls: due where they may have found what the answer is.

    Not where a tool that is offered changes something: the task may ask for a deed, and a model is
    quick to say that it is done.
    """
    if state.get("draft", {}).get("long"):
        return state["draft"]
    due = (
        any(not (r.is_error or r.refused or r.served or r.unknown) for r in results)
        and scope.form is None
        and scope.meter.model.card.logprobs
        and scope.known_format() == "schema"
        and not any(spec.side_effects for spec in scope.known_specs)
    )
    return {"due": True} if due else {}


async def draft(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Ask for the answer from what has been found; where the model is sure of it, that is it."""
    scope = runtime.context
    # llama.cpp's server gives no log-probabilities where no other token's are asked for.
    request = replace(final_request(state, scope), max_output_tokens=_TOKENS, top_logprobs=1)
    call = Call(purpose="draft", mode="agent", step=state["steps"])
    try:
        response = await scope.call(request, call)
    except (LimitExceededError, ContextLengthError):
        return {"draft": {}}  # the next action meets it, too, and knows what to do
    if response.finish_reason != "stop":
        return {"draft": {"long": True}}
    said = response.message
    if said.content.lstrip().startswith(ACTION_START):
        return {"draft": {}}
    kept = {"asked": request.messages[-1].to_dict(), "said": said.to_dict()}
    if (response.confidence or 0.0) < _SURE or _NOTHING_FOUND.search(said.content):
        return {"draft": kept}
    return {**_as_answer(kept, state, scope), "confidence": response.confidence}


def next_after_draft(state: RunState) -> str:
    """The end of the work, or on to the next action."""
    return "verify" if state["answered"] else "think"


def kept_or(node: Node) -> Node:
    """The node that asks for the answer, where no draft of it is kept."""

    @wraps(node)
    async def answer(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
        kept = state.get("draft", {})
        if "said" not in kept:
            return await node(state, runtime)
        return _as_answer(kept, state, runtime.context)

    return answer


def _as_answer(kept: dict[str, Any], state: RunState, scope: RunScope) -> dict[str, Any]:
    output = final_text(Message.from_dict(kept["said"]).content, scope.specs)
    if scope.streaming:
        scope.emit(Token(output, "answer"))
    return {
        "messages": [kept["asked"], kept["said"]],
        "output": output,
        "answered": True,
        "finish_reason": "stop",
        "steps": state["steps"] + 1,
        "draft": {},
    }
