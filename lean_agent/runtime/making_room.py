"""A run's context is compacted where that pays, and where the model's window is full.

The messages of the state only grow; ``compacted`` holds what is sent in place of the first of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import wraps
from itertools import takewhile
from typing import Any, Literal, Protocol, cast

from langgraph.runtime import Runtime

from lean_agent.errors import ContextLengthError
from lean_agent.events import ContextCompacted
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models.actions import action_schema
from lean_agent.models.tokens import estimate_usage, likely_tokens
from lean_agent.runtime.compacting import LEVELS, Compacted, compact
from lean_agent.runtime.compaction_rule import Sizes, calls_to_come, pays
from lean_agent.runtime.fitting import bound
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

__all__ = ["Node", "with_room"]

_ROOM_TOKENS = 512
"""What an answer or an action is to have at least, but never more than a quarter of the window."""


class Node(Protocol):
    """One of the graph: what it changes in the state."""

    async def __call__(self, state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]: ...


def with_room(node: Node, *, acting: bool = False) -> Node:
    """The node, whose context is compacted where that is worth it, and after its model has refused
    it for its length: once a level, as long as that makes it shorter.

    Where nothing more can be spared, an agent (``acting``) goes on to its answer.

    Raises:
        ContextLengthError: nothing more can be spared.
    """

    @wraps(node)
    async def roomy(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
        scope = runtime.context
        update = await _room_made(state, scope, acting=acting)
        levels = iter(LEVELS)
        while True:
            begun = cast("RunState", {**state, **update})
            try:
                return {**update, **await node(begun, runtime)}
            except ContextLengthError as error:
                shorter = await _compacted_further(begun, scope, levels)
                if not shorter and acting:
                    return {**update, "calls": [], "limit": "context"}
                if not shorter:
                    raise
                scope.meter.routes.sent_again(error)
                update |= shorter

    return roomy


async def _room_made(state: RunState, scope: RunScope, *, acting: bool) -> dict[str, Any]:
    """The update with which a node begins: a context that leaves room for an answer and, between
    the steps of an agent, one that pays. Mostly there is nothing to do.
    """
    messages = messages_of(state)
    if _size(_compacted(state, LEVELS[-1]).messages) >= _size(messages):
        return {}
    update: dict[str, Any] = {}
    if acting and state["steps"]:
        update = await _paying(state, scope, messages)
        state = cast("RunState", {**state, **update})
    if not await _full(messages_of(state), state, scope, acting=acting):
        return update
    for level in LEVELS:
        found = _compacted(state, level)
        if not await _full(found.messages, state, scope, acting=acting):
            return await _rewritten(state, scope, level, "full")
    return update


async def _compacted_further(
    state: RunState, scope: RunScope, levels: Iterator[int]
) -> dict[str, Any]:
    """The update after the model has refused a context for its length, by the next of the levels
    that makes it shorter; {} where none does.
    """
    for level in levels:
        if _size(_compacted(state, level).messages) < _size(messages_of(state)):
            return await _rewritten(state, scope, level, "full")
    return {}


async def _paying(
    state: RunState, scope: RunScope, messages: tuple[Message, ...]
) -> dict[str, Any]:
    found = _compacted(state, LEVELS[0]).messages
    same = takewhile(lambda pair: pair[0] == pair[1], zip(messages, found, strict=False))
    shared = tuple(message for message, _ in same)
    sizes = Sizes(_size(messages), _size(found), _size(shared))
    meter, steps = scope.meter, state["steps"]
    # A provider that caches has served something from there by the third call.
    cached = steps < 2 or meter.usage.cache_read_input_tokens > 0
    if not pays(sizes, steps, meter.price, cached=cached):
        return {}
    calls = calls_to_come(steps, await meter.spending.remaining(), sizes, meter.price)
    if not pays(sizes, calls, meter.price, cached=cached):
        return {}
    return await _rewritten(state, scope, LEVELS[0], "pays")


def _compacted(state: RunState, level: int) -> Compacted:
    """What a level would make of the context; nothing is kept to read on in."""
    return compact(messages_of(state), level=level, earlier=_earlier(state))


def _earlier(state: RunState) -> int:
    """How many of the messages that are sent are of earlier turns; 0 where that is not known."""
    return (state.get("compacted") or {}).get("earlier", state.get("earlier", 0))


async def _rewritten(
    state: RunState, scope: RunScope, level: int, reason: Literal["pays", "full"]
) -> dict[str, Any]:
    began = time.perf_counter()
    messages = messages_of(state)
    found = compact(messages, level=level, earlier=_earlier(state), shorten=scope.texts.shorten)
    before, after = await _count(messages, scope), await _count(found.messages, scope)
    seconds = time.perf_counter() - began
    scope.meter.book.compaction(reason, before, after, state["steps"], seconds)
    scope.emit(ContextCompacted(before, after, reason))
    return {
        "compacted": {
            "messages": [message.to_dict() for message in found.messages],
            "until": len(state["messages"]),
            "earlier": found.earlier,
        }
    }


async def _full(
    messages: tuple[Message, ...], state: RunState, scope: RunScope, *, acting: bool
) -> bool:
    """Whether the next prompt would leave too little room. An agent's holds the task already."""
    model = scope.meter.model
    window = model.card.context_tokens
    most = window - min(_ROOM_TOKENS, window // 4)
    asked = () if acting else (Message("user", state["task"]),)
    constrained = acting and scope.action_format == "schema"
    request = replace(
        _request((*messages, *asked), scope),
        response_schema=action_schema(scope.known_specs) if constrained else None,
    )
    tokens = await bound(request, model)
    return tokens > most and likely_tokens(request, tokens, grammar=model.card.grammar) > most


async def _count(messages: tuple[Message, ...], scope: RunScope) -> int:
    request, model = _request(messages, scope), scope.meter.model
    tokens = await bound(request, model)
    return likely_tokens(request, tokens, grammar=model.card.grammar)


def _request(messages: tuple[Message, ...], scope: RunScope) -> ModelRequest:
    tools = scope.specs if scope.action_format == "native" else ()
    return ModelRequest(messages=messages, tools=tools)


def _size(messages: tuple[Message, ...]) -> int:
    """An estimate, in tokens."""
    return estimate_usage(ModelRequest(messages=messages), "").input_tokens
