"""The node reason: a strategy thinks within a token budget, and the run ends in an answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from langgraph.runtime import Runtime

from lean_agent.errors import LimitExceededError
from lean_agent.events import StepStarted
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.reasoning import ANSWER_MARK, Problem
from lean_agent.runtime import prompts
from lean_agent.runtime.answering import MARKED_ANSWER_TOKENS, limited, plain_request
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of
from lean_agent.thinking.plain import asked_plainly

__all__ = ["reason"]

_TOKENS = 1_024
"""Of a strategy, or a call, that is given no other budget."""


async def reason(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Think, then answer; a thought without a marked answer is asked for it."""
    asking = _Asking(runtime.context, state["steps"])
    earlier = messages_of(state)
    task = prompts.again(state["task"], state["problem"]) if state["problem"] else state["task"]
    try:
        if state["going_on"]:
            go_on = Message("user", prompts.go_on(agent=False))
            added = await _in_one_call(go_on, earlier, asking)
        else:
            added = await _thought(task, earlier, asking)
    except LimitExceededError as error:
        return limited(error, state)
    if _after_mark(added[-1].content) is None:
        added = await _closed(task, earlier, added, asking)
    said = added[-1].content
    return {
        "messages": [message.to_dict() for message in added],
        "output": _after_mark(said) or said.strip(),
        "answered": True,
        "finish_reason": asking.newest.response.finish_reason if asking.newest else "stop",
        "limit": asking.limit,
        "steps": asking.step,
        "going_on": False,
        "formed": None if asking.scope.form is None else 0,
    }


async def _thought(task: str, earlier: tuple[Message, ...], asking: _Asking) -> tuple[Message, ...]:
    """What the strategy came to; at a limit, what stands by then.

    Raises:
        LimitExceededError: not even one call was possible.
    """
    held = asking.scope.meter.model.card.grammar
    problem = Problem(task=task, earlier=earlier, tokens=_TOKENS, held_to_schemas=held)
    try:
        return await asking.scope.reasoning.think(problem, asking)
    except LimitExceededError:
        newest = asking.newest
        if newest is not None and newest.request.messages[: len(earlier)] == earlier:
            return (*newest.request.messages[len(earlier) :], newest.response.message)
        # What is held back may do for one call.
        return await _in_one_call(asked_plainly(task), earlier, asking)


async def _closed(
    task: str, earlier: tuple[Message, ...], added: tuple[Message, ...], asking: _Asking
) -> tuple[Message, ...]:
    """The thought with its answer, asked for from the slice of the budget that is held back."""
    unfinished = bool(asking.refused)
    asked = Message("user", prompts.stop_reasoning())
    request = ModelRequest(
        messages=(*earlier, *added, asked), max_output_tokens=MARKED_ANSWER_TOKENS
    )
    try:
        response = await asking.answer(request)
    except LimitExceededError:
        if not unfinished:
            return added
        with suppress(LimitExceededError):
            # Half of a plan is no answer, and the task alone may fit.
            return await _in_one_call(asked_plainly(task), earlier, asking)
        return added
    return (*added, asked, response.message)


async def _in_one_call(
    asked: Message, earlier: tuple[Message, ...], asking: _Asking
) -> tuple[Message, ...]:
    request = ModelRequest(messages=(*earlier, asked), max_output_tokens=_TOKENS)
    response = await asking(request, last=True)
    return asked, response.message


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: ModelRequest
    response: ModelResponse


class _Asking:
    """How a strategy asks (``reasoning.Ask``).

    ``step`` is the last one taken, ``refused`` the limit that refused a call, and ``limit`` one
    that refused or shortened one; "" where none did.
    """

    def __init__(self, scope: RunScope, step: int) -> None:
        self.scope = scope
        self.step = step
        self.limit = self.refused = ""
        self.newest: _Exchange | None = None
        self._in_flight = 0

    async def __call__(
        self,
        request: ModelRequest,
        *,
        purpose: Literal["reason", "plan"] = "reason",
        last: bool = False,
    ) -> ModelResponse:
        shown = self.scope.streaming and purpose == "reason" and not self._in_flight
        call = Call(
            purpose=purpose,
            mode="reason",
            step=self._next_step() if purpose == "reason" else self.step,
            final=last,
            # Of calls side by side one alone can be read as it comes.
            channel="reasoning" if shown else None,
        )
        self._in_flight += 1
        try:
            return await self._made(request, call)
        finally:
            self._in_flight -= 1

    async def answer(self, request: ModelRequest) -> ModelResponse:
        """The marked answer, from the slice that is held back for it."""
        channel = "answer" if self.scope.streaming else None
        step = self._next_step()
        call = Call(purpose="answer", mode="reason", step=step, final=True, channel=channel)
        return await self._made(request, call)

    def _next_step(self) -> int:
        self.step += 1
        self.scope.emit(StepStarted(self.step))
        return self.step

    async def _made(self, request: ModelRequest, call: Call) -> ModelResponse:
        text = plain_request(self.scope, request.messages, request.max_output_tokens or _TOKENS)
        sent = replace(
            text,
            response_schema=request.response_schema,
            stop=request.stop,
            enough=request.enough,
            temperature=text.temperature if request.temperature is None else request.temperature,
            seed=text.seed if request.seed is None else request.seed,
        )
        try:
            response = await self.scope.call(sent, call)
        except LimitExceededError as error:
            self.step -= call.purpose != "plan"
            self.limit = self.refused = error.limit_type
            raise
        self.limit = self.limit or response.cut_by
        self.newest = _Exchange(request, response)
        return response


def _after_mark(text: str) -> str | None:
    """What follows the last answer mark, or None."""
    before, mark, after = text.rpartition(ANSWER_MARK)
    del before
    return after.strip().strip("*").strip() or None if mark else None
