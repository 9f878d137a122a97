"""Plan mode: a search problem goes to a planner, which needs no model call. Spec: planners."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from lean_agent.errors import ConfigurationError
from lean_agent.events import Token
from lean_agent.messages import Message
from lean_agent.planner import PlannedAnswer, Recognised
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

__all__ = ["plan", "recognised"]


async def recognised(state: RunState, scope: RunScope) -> Recognised | None:
    """What the first planner that knows the task takes it for; only where plan mode may follow.

    Raises:
        ConfigurationError: plan mode is forced, and no planner knows the task.
    """
    forced = state["forced"] == "plan"
    if not forced and state["forced"] != "auto":
        return None
    files = [root for root in scope.context.roots if root.is_file()]
    for planner in scope.planners:
        look = partial(planner.recognise, state["task"], files, forced=forced)
        # Where files are attached they are read, which may take its time.
        found = await asyncio.to_thread(look) if files else look()
        if found is not None:
            return found
    if forced:
        names = ", ".join(name for planner in scope.planners for name in planner.domains)
        raise ConfigurationError(
            "no planner knows this kind of task"
            if names
            else "plan mode needs a planner, and none is installed",
            hint=f"the domains are {names}; other tasks need another mode"
            if names
            else "choose another mode",
        )
    return None


async def plan(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Have a planner solve the task. It is its own judge: what it gives is checked already."""
    scope = runtime.context
    problem = Recognised(**state["recognised"])
    left = (await scope.meter.spending.remaining()).seconds
    began = time.perf_counter()
    limit = asyncio.timeout(left)
    outcome = "cancelled"
    try:
        async with limit:
            planned = await _solved(problem, scope)
        outcome = planned.status
    except TimeoutError:
        outcome = "limit"
        return {"limit": "seconds", "finish_reason": "limit"}
    finally:
        scope.meter.book.planning(problem.domain, time.perf_counter() - began, outcome)
    if planned.answer and scope.streaming:
        scope.emit(Token(planned.answer, "answer"))
    said = planned.answer or f"There is no answer yet: {planned.evidence}."
    checked = planned.status in {"solved", "unsolvable"}
    return {
        "messages": [
            Message("user", state["task"]).to_dict(),
            Message("assistant", said).to_dict(),
        ],
        "mode_reason": f"{state['mode_reason']}; {planned.evidence}",
        "output": planned.answer,
        "answered": True,
        "finish_reason": "stop",
        "problem": "" if checked else planned.evidence,
    }


async def _solved(problem: Recognised, scope: RunScope) -> PlannedAnswer:
    try:
        planner = next(one for one in scope.planners if problem.domain in one.domains)
        return await planner.solve(problem)
    except Exception as error:  # noqa: BLE001 - a plugin's code; the run goes on in another mode
        reason = " ".join(str(error).split()) or type(error).__name__
        return PlannedAnswer(
            status="unknown", answer="", evidence=f"{problem.domain} failed: {reason[:300]}"
        )
