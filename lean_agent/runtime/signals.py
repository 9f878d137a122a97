"""What the gate is told of a task. Gathering it calls no model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lean_agent._semconv import Mode
from lean_agent.gate import Signals
from lean_agent.gating.words import CHAT, names
from lean_agent.planner import Planner, Recognised
from lean_agent.runtime.planning import recognised
from lean_agent.tool_spec import Holding, Tool

__all__ = ["names_held", "signals_of"]

_PATIENCE = 10.0
"""Seconds for documents to be opened: an answer that needs none is not to wait for them longer."""


async def signals_of(
    task: str,
    forced: Mode,
    *,
    tools: Mapping[str, Tool],
    roots: Sequence[Path],
    planners: Sequence[Planner],
) -> tuple[Signals, Recognised | None]:
    """The signals, and what a planner takes the task for.

    Raises:
        ConfigurationError: plan mode is forced, and there is no planner.
    """
    problem = await recognised(task, forced, planners, roots)
    certain = forced != "auto" or problem is not None or CHAT.match(task)
    held = None if certain else await names_held(task, tools.values())
    if not held and any(root.is_file() for root in roots):
        held = None  # a file by itself is read, not searched
    signals = Signals(
        task=task,
        tools=frozenset(tools),
        has_files=bool(roots),
        domain=problem.domain if problem is not None else "",
        names_held=held,
        forced=forced,
    )
    return signals, problem


async def names_held(task: str, tools: Iterable[Tool]) -> bool | None:
    """Whether a name in the task stands in what the tools search; None where there is no name, or
    no tool can tell in time.
    """
    named = names(task)
    telling = [tool for tool in tools if isinstance(tool, Holding)]
    if not named or not telling:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            told = [await tool.holds(named) for tool in telling]
    except Exception:  # noqa: BLE001 - a caller's tool may raise anything; its call says what
        return None
    known = [held for held in told if held is not None]
    return any(known) if known else None
