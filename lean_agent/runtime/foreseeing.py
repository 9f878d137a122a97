"""Calls that a task is sure to want: an agent begins with them, before its model is asked anything.

What the model would have written to make them is saved, and a small one cannot miss them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lean_agent.messages import ToolCall
from lean_agent.model import ActionFormat
from lean_agent.models.actions import call_id, written
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState
from lean_agent.tool_spec import Foreseeing

__all__ = ["next_foreseen"]

_MOST = 3
"""A task that names a whole list of things may want to go through them in its own way."""


async def next_foreseen(
    state: RunState, scope: RunScope, action_format: ActionFormat
) -> ToolCall | None:
    """The next such call of a run that has made no others yet; None where there is none. What an
    earlier turn of the conversation has called for stands there.
    """
    made = [(step["tool"], step["arguments"]) for step in state["trajectory"]]
    if len(made) > _MOST:
        return None
    wanted = await _foreseen(state["task"], scope)
    if len(wanted) > _MOST or any(call not in wanted for call in made):
        return None
    said = {message["content"] for message in state["messages"] if message["role"] == "assistant"}
    new = (ToolCall(call_id(), *call) for call in wanted if call not in made)
    return next((call for call in new if written(call, action_format).content not in said), None)


async def _foreseen(task: str, scope: RunScope) -> list[tuple[str, Mapping[str, Any]]]:
    told = {spec.name for spec in scope.known_specs}
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, tool in scope.tools.items():
        spec = tool.spec
        if name not in told or spec.side_effects or spec.approval:
            continue
        if isinstance(tool, Foreseeing):
            with suppress(Exception):  # a caller's tool may raise anything; its call says what
                async with asyncio.timeout(spec.timeout):
                    calls = await tool.foreseen(task, scope.context)
                found += [(name, dict(arguments)) for arguments in calls]
    return found
