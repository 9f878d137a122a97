"""The nodes before and after the work: gate and verify."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime

from lean_agent.errors import ConfigurationError
from lean_agent.events import ModeChosen, Notice
from lean_agent.runtime.acting import open_agent
from lean_agent.runtime.answering import unsure
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.signals import signals_of
from lean_agent.runtime.state import RunState

__all__ = ["gate", "next_after_verify", "verify"]

_REFUSAL = re.compile(
    r"^\W*(?:i(?:'m| am) (?:sorry|unable|not able)|sorry|i (?:cannot|can't|do not have|don't have)"
    r"|as an ai)\b",
    re.I,
)


async def gate(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Choose the mode by what is known of the task for free."""
    scope = runtime.context
    signals, problem = await signals_of(
        state["task"],
        state["forced"],  # pyright: ignore[reportArgumentType] - JSON holds str
        tools=scope.tools,
        roots=scope.context.roots,
        planners=scope.planners,
    )
    decision = scope.gate.decide(signals)
    scope.emit(ModeChosen(decision.mode, decision.reason))
    if (model := decision.way.model) and not scope.go_by(model):
        raise ConfigurationError(f"the gate chose {model}, which is none of this agent's models")
    update: dict[str, Any] = {
        "mode": decision.mode,
        "model": scope.level,
        "mode_reason": decision.reason,
        "decision": decision.to_dict(),
    }
    if decision.mode == "agent":
        update["messages"] = [await open_agent(state, scope)]
    if decision.mode == "plan" and problem is not None:
        update["recognised"] = asdict(problem)
    return update


def _problem(state: RunState) -> str:
    """Why the answer fails its format checks; empty when it passes."""
    if state["finish_reason"] == "limit":
        return ""
    if state["mode"] == "plan":
        return state["problem"]
    if not state["output"]:
        return "it is empty"
    if state["finish_reason"] in {"length", "aborted"}:
        return "it is cut off"
    if _REFUSAL.match(state["output"]):
        return "it declines to answer"
    return ""


async def verify(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """Check the answer's form; an unforced run whose answer fails goes on in the next mode, and
    after the last with the next model of a cascade.
    """
    scope = runtime.context
    problem = _problem(state)
    if state["forced"] != "auto" or state["limit"]:
        return {"problem": problem}
    if state["mode"] == "instant" and unsure(state, state.get("confidence")):
        return await _go_on_unsure(state, scope)
    if not problem:
        return {"problem": ""}
    after_plan = "agent" if scope.tools else "reason"
    stronger = {"instant": "reason", "reason": "agent", "plan": after_plan}
    mode = stronger.get(state["mode"])
    why = f"the {state['mode']} answer failed its check: {problem}"
    decision = state["decision"]
    if mode is None or (mode == "agent" and not scope.tools):
        if not scope.larger:
            return {"problem": problem}
        mode, why = state["mode"], f"{why}; going on with {scope.larger}"
        decision = {**decision, "then_model": scope.larger}
        scope.go_by(scope.larger)
    scope.emit(ModeChosen(mode, why))  # pyright: ignore[reportArgumentType] - one of the modes
    update = {
        "mode": mode,
        "model": scope.level,
        "decision": decision,
        "mode_reason": why,
        "problem": problem,
        "answered": False,
        "mistakes": 0,
        "idle": 0,
        "confidence": None,
    }
    if mode == "agent":
        return {**update, "messages": [await open_agent({**state, "problem": problem}, scope)]}
    return update


async def _go_on_unsure(state: RunState, scope: RunScope) -> dict[str, Any]:
    """On in the mode that the gate has named for an answer that is a guess, as if none was made."""
    mode = state["decision"]["then"]
    confidence = state.get("confidence")
    said = "unknown" if confidence is None else f"{confidence:.2f}"
    why = f"the instant answer was unsure: its confidence is {said}"
    model = state["decision"].get("then_model")
    if model and scope.go_by(model):
        why = f"{why}; going on with {model}"
    scope.emit(ModeChosen(mode, why))
    scope.emit(Notice("what was written is dropped: it was a guess"))
    # The output stays until there is another: a limit may leave nothing else.
    update = {
        "mode": mode,
        "model": scope.level,
        "mode_reason": why,
        "problem": "",
        "answered": False,
        "confidence": None,
    }
    if mode == "agent":
        return {**update, "messages": [await open_agent(state, scope)]}
    return update


def next_after_verify(state: RunState) -> str:
    """On in the mode that verify escalated to, or the end, by way of the answer's form."""
    if state["answered"] or state["limit"]:
        return END if state.get("formed") is None else "mend"
    return "think" if state["mode"] == "agent" else state["mode"]
