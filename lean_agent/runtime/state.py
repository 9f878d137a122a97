"""What the graph carries from node to node: plain JSON types only, so that it can be checkpointed.

Messages and trajectory are append-only (an update holds what is new), which is what keeps each
request's prefix the same bytes as the one before.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from lean_agent.messages import Message

__all__ = ["RunState", "messages_of", "start_state"]


class RunState(TypedDict):
    """One run.

    ``messages`` and ``calls`` are in OpenAI's wire form; ``trajectory`` holds
    TrajectoryStep.to_dict(). ``mistakes`` counts malformed actions since the last good one;
    ``idle`` the steps in a row that only repeated earlier calls. ``problem`` is why the answer
    failed its check, ``limit`` the limit that ended the search and ``cap`` how high it was, where
    it was the run's own, of tokens or dollars. ``going_on`` says that the last message is an answer
    that a limit cut short. ``decision`` is the gate's, as JSON; ``confidence`` that in an instant
    answer. ``recognised`` are the fields of the Recognised that plan mode works on. ``formed``
    counts the calls that asked for the answer in the caller's form; None where he gave none, or
    nothing more is to be done about it. ``spent`` is Meter.spent() after the last node.
    """

    task: str
    forced: str
    mode: str
    mode_reason: str
    messages: Annotated[list[dict[str, Any]], operator.add]
    calls: list[dict[str, Any]]
    trajectory: Annotated[list[dict[str, Any]], operator.add]
    output: str
    answered: bool
    finish_reason: str
    problem: str
    confidence: float | None
    decision: dict[str, Any]
    limit: str
    cap: str
    steps: int
    tool_calls: int
    mistakes: int
    idle: int
    going_on: bool
    recognised: dict[str, Any]
    formed: int | None
    spent: dict[str, Any]


def start_state(
    task: str, forced: str, messages: list[Message], *, typed: bool = False
) -> RunState:
    """The state before the gate: ``messages`` are the system prompt and earlier turns.

    ``typed`` says that the answer is to have a form.
    """
    return RunState(
        task=task,
        forced=forced,
        mode="",
        mode_reason="",
        messages=[m.to_dict() for m in messages],
        calls=[],
        trajectory=[],
        output="",
        answered=False,
        finish_reason="",
        problem="",
        confidence=None,
        decision={},
        limit="",
        cap="",
        steps=0,
        tool_calls=0,
        mistakes=0,
        idle=0,
        going_on=False,
        recognised={},
        formed=0 if typed else None,
        spent={},
    )


def messages_of(state: RunState) -> tuple[Message, ...]:
    """The messages as objects."""
    return tuple(Message.from_dict(m) for m in state["messages"])
