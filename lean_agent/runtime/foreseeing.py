"""Calls that a task is sure to want: an agent begins with them, before its model is asked anything.

What the model would have written to make them is saved, and a small one cannot miss them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from lean_agent.messages import ToolCall
from lean_agent.models.actions import call_id
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState
from lean_agent.tool_spec import Foreseeing

__all__ = ["next_foreseen"]

_LOG = logging.getLogger("lean_agent.runtime")
_LOG.addHandler(logging.NullHandler())

_MOST = 3
"""A task that names a whole list of things may want to go through them in its own way."""
_PATIENCE = 2.0
"""Seconds for all tools together: what is meant to save a call is not to be waited for."""


async def next_foreseen(state: RunState, scope: RunScope) -> ToolCall | None:
    """The next such call of a run that has made no others yet; None where there is none."""
    made = [(step["tool"], step["arguments"]) for step in state["trajectory"]]
    if len(made) > _MOST:
        return None
    if scope.foreseen is None:  # what comes to be there later is the run's own doing
        scope.foreseen = await _foreseen(state["task"], scope)
    if any(call not in scope.foreseen for call in made):
        return None
    return next((ToolCall(call_id(), *call) for call in scope.foreseen if call not in made), None)


async def _foreseen(task: str, scope: RunScope) -> list[tuple[str, dict[str, Any]]]:
    told = {spec.name for spec in scope.known_specs}
    left = await scope.meter.spending.remaining()
    patience = _PATIENCE if left.seconds is None else min(_PATIENCE, left.seconds)
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        async with asyncio.timeout(patience):
            for name, tool in scope.tools.items():
                spec = tool.spec
                sure = name in told and not spec.side_effects and not spec.approval
                if sure and isinstance(tool, Foreseeing):
                    calls = await tool.foreseen(task, scope.context)
                    # As they come back from a checkpoint: a tuple is a list there.
                    found += [(name, json.loads(json.dumps(dict(call)))) for call in calls]
    except Exception:  # noqa: BLE001 - a caller's tool may raise anything; its call says what
        _LOG.info("nothing is foreseen", exc_info=True)
        return []
    return found if len(found) <= _MOST else []
