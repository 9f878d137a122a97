"""Plan mode: a search problem goes to a planner, which needs no model call for a known domain."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from lean_agent._redact import redact
from lean_agent._semconv import Mode
from lean_agent.errors import ConfigurationError, LimitExceededError
from lean_agent.events import Token
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.planner import PlannedAnswer, Planner, Recognised
from lean_agent.runtime.answering import limited
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

__all__ = ["plan", "recognised"]

_LOG = logging.getLogger("lean_agent.runtime")
_LOG.addHandler(logging.NullHandler())  # a library prints nothing unless asked to


async def recognised(
    task: str, forced_mode: Mode, planners: Sequence[Planner], roots: Sequence[Path]
) -> Recognised | None:
    """What the first planner that knows the task takes it for; only where plan mode may follow.

    Raises:
        ConfigurationError: plan mode is forced, and there is no planner.
    """
    forced = forced_mode == "plan"
    if not forced and forced_mode != "auto":
        return None
    if forced and not planners:
        raise ConfigurationError(
            "plan mode needs a planner, and none is installed", hint="choose another mode"
        )
    files = [root for root in roots if root.is_file()]
    for planner in planners:
        look = partial(_taken_for, planner, task, files, forced=forced)
        # Where files are attached they are read, which may take its time.
        found = await asyncio.to_thread(look) if files else look()
        if found is not None:
            return found
    return None


def _taken_for(
    planner: Planner, task: str, files: Sequence[Path], *, forced: bool
) -> Recognised | None:
    try:
        return planner.recognise(task, files, forced=forced)
    except Exception as error:  # noqa: BLE001 - a plugin's code; the run does without
        kinds = ", ".join(planner.domains)
        _LOG.warning("the planner of %s cannot look at a task: %s", kinds, redact(_line(error)))
        return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def plan(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Have a planner solve the task. It is its own judge: what it gives is checked already."""
    scope = runtime.context
    domain: str = state["recognised"].get("domain", "unknown")
    left = (await scope.meter.spending.remaining()).seconds
    began = time.perf_counter()
    outcome = "cancelled"
    try:
        async with asyncio.timeout(left):
            planned = await _planned(state, scope)
        outcome = planned.status
    except TimeoutError:
        outcome = "limit"
        return {"limit": "seconds", "finish_reason": "limit"}
    except LimitExceededError as error:
        outcome = "limit"
        return limited(error, state)
    finally:
        scope.meter.book.planning(domain, time.perf_counter() - began, outcome)
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


async def _planned(state: RunState, scope: RunScope) -> PlannedAnswer:
    """By the planner that knows the task; else by the first, with the model's help."""
    if not state["recognised"]:
        scope.context.log("no planner knows this kind of task: the model writes it down as one")

        async def ask(request: ModelRequest) -> ModelResponse:
            call = Call(purpose="plan", mode="plan", step=state["steps"])
            return await scope.call(request, call)

        return await scope.planners[0].devise(state["task"], ask)
    problem = Recognised(**state["recognised"])
    try:
        planner = next(one for one in scope.planners if problem.domain in one.domains)
        return await planner.solve(problem)
    except Exception as error:  # noqa: BLE001 - a plugin's code; the run goes on in another mode
        evidence = f"{problem.domain} failed: {_line(error)[:300]}"
        return PlannedAnswer(status="unknown", answer="", evidence=evidence)
