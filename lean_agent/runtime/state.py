"""What the graph carries from node to node: plain JSON types only, so that it can be checkpointed.

Messages and trajectory are append-only (an update holds what is new), which is what keeps each
request's prefix the same bytes as the one before, but where the context is compacted.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from lean_agent.messages import Image, Message
from lean_agent.runtime import prompts

__all__ = ["RunState", "messages_of", "start_state"]


class RunState(TypedDict):
    """One run.

    ``messages`` and ``calls`` are in OpenAI's wire form; ``trajectory`` holds
    TrajectoryStep.to_dict(). ``mistakes`` counts malformed actions since the last good one;
    ``idle`` the steps in a row that only repeated earlier calls. ``problem`` is why the answer
    failed its check, ``limit`` the limit that ended the search and ``cap`` how high it was, where
    it was the run's own, of tokens or dollars. ``going_on`` says that the last message is an
    answer that a limit cut short. ``decision`` is the gate's, as JSON; ``confidence`` that in an
    instant answer or a draft. ``draft`` is what is known of the answer that an agent writes
    before its next action: that it is ``due``, or which ``model`` was ``asked`` how and what it
    ``said`` with what ``confidence``, or that it is too ``long`` for one. ``model`` is the one
    that a cascade goes by, "" where there is none. ``recognised`` are the fields of the
    Recognised that plan mode works on. ``formed`` counts the calls that asked for the answer in
    the caller's form; None where he gave none, or nothing more is to be done about it. The first
    ``earlier`` messages are of earlier turns, and ``compacted`` holds what is sent in place of
    the first of them all, ``until`` there, and how many of that are earlier turns'. ``spent`` is
    Meter.spent() after the last node, and ``allowed`` are the patterns that persons had allowed
    for good by then.
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
    draft: dict[str, Any]
    decision: dict[str, Any]
    model: str
    limit: str
    cap: str
    steps: int
    tool_calls: int
    mistakes: int
    idle: int
    going_on: bool
    recognised: dict[str, Any]
    formed: int | None
    earlier: int
    compacted: dict[str, Any]
    spent: dict[str, Any]
    allowed: list[str]


def start_state(
    task: str,
    forced: str,
    messages: list[Message],
    *,
    images: tuple[Image, ...] = (),
    typed: bool = False,
) -> RunState:
    """The state before the gate: ``messages`` are the system prompt and earlier turns.

    ``images`` belong to the task; ``typed`` says that the answer is to have a form.
    """
    shown = [Message("user", prompts.pictures(len(images)), images=images)] if images else []
    return RunState(
        task=task,
        forced=forced,
        mode="",
        mode_reason="",
        messages=[m.to_dict() for m in (*messages, *shown)],
        calls=[],
        trajectory=[],
        output="",
        answered=False,
        finish_reason="",
        problem="",
        confidence=None,
        draft={},
        decision={},
        model="",
        limit="",
        cap="",
        steps=0,
        tool_calls=0,
        mistakes=0,
        idle=0,
        going_on=False,
        recognised={},
        formed=0 if typed else None,
        earlier=len(messages),
        compacted={},
        spent={},
        allowed=[],
    )


def messages_of(state: RunState) -> tuple[Message, ...]:
    """The messages that the model is sent, as objects: those that were compacted, then the rest."""
    compacted = state.get("compacted") or {"messages": [], "until": 0}
    sent = [*compacted["messages"], *state["messages"][compacted["until"] :]]
    return tuple(Message.from_dict(m) for m in sent)
