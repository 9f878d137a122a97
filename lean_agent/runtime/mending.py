"""The node mend: an answer that is not of the caller's form is asked for anew, a few times."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime

from lean_agent.errors import ContextLengthError, LimitExceededError
from lean_agent.events import Notice, StepStarted
from lean_agent.messages import Message
from lean_agent.runtime import prompts
from lean_agent.runtime.answering import limited, plain_request
from lean_agent.runtime.forming import called, in_form
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

__all__ = ["mend", "next_after_mend"]

_TOKENS = 512  # of an answer without a form


async def mend(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Ask once more, if the answer does not fit and there is a point."""
    scope = runtime.context
    misfit = scope.form.misfit(state["output"]) if scope.form is not None else ""
    formed = state["formed"] or 0
    if not misfit or _given_up(state, formed, scope.output_repairs):
        return {"formed": None}
    if formed:
        scope.emit(Notice(f"asking again: {misfit}"))
    text = prompts.misfit(misfit) if formed else prompts.in_your_form()
    question = Message("user", text if formed else in_form(scope, text))
    step = state["steps"] + 1
    scope.emit(StepStarted(step))
    call = Call(
        purpose="answer",
        mode=state["mode"],  # pyright: ignore[reportArgumentType] - JSON holds str
        step=step,
        final=True,
        channel="answer" if scope.streaming else None,
    )
    request = plain_request(scope, (*messages_of(state), question), _TOKENS)
    try:
        try:
            response = await called(scope, request, call)
        except ContextLengthError:
            alone = in_form(scope, prompts.from_answer(state["task"], state["output"]))
            messages = (Message("system", prompts.SYSTEM), Message("user", alone))
            response = await called(scope, plain_request(scope, messages, _TOKENS), call)
    except LimitExceededError as error:
        return limited(error, state)
    return {
        "messages": [question.to_dict(), response.message.to_dict()],
        "output": response.message.content.strip(),
        "finish_reason": response.finish_reason,
        "limit": state["limit"] or response.cut_by,
        "problem": "",
        "steps": step,
        "formed": formed + 1,
    }


def _given_up(state: RunState, formed: int, repairs: int) -> bool:
    if state["finish_reason"] == "limit" or not (formed or state["output"]):
        return True
    return formed > repairs or bool(formed and state["limit"])


def next_after_mend(state: RunState) -> str:
    """Round again until the answer fits or is given up."""
    return END if state["formed"] is None or state["finish_reason"] == "limit" else "mend"
