"""One tool call of an action, made or answered without: what came of it, told and written down.

A call that must not be made twice is in the journal before it is made, and every result after it:
a run that is killed in between does not make the call again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from langgraph.errors import GraphBubbleUp

from lean_agent.events import ToolFinished, ToolStarted
from lean_agent.gating.tool_calls import CallDecision
from lean_agent.ledger.entries import Entry
from lean_agent.messages import ToolCall
from lean_agent.result import TrajectoryStep
from lean_agent.runtime import prompts
from lean_agent.runtime.book import ToolOutcome
from lean_agent.runtime.observing import observe
from lean_agent.runtime.scope import RunScope
from lean_agent.usage import Usage

__all__ = ["Plan", "execute"]

_NOT_NOTED = CallDecision(
    verdict="refuse",
    reason="that it begins could not be kept, so it might be done twice",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A call and what was decided. ``place`` is its place in its action, ``like`` that of an equal
    call whose result this one is served; None where there is none. ``usage`` is what the call
    itself costs. ``before`` is what it came to before the run was cut off in this action.
    """

    call: ToolCall
    decision: CallDecision
    place: int
    like: int | None = None
    usage: Usage = field(default_factory=Usage)
    before: TrajectoryStep | None = None


async def execute(plan: Plan, step: int, scope: RunScope) -> TrajectoryStep:
    """What came of the call."""
    if plan.before is not None:
        return plan.before
    call, decision = plan.call, plan.decision
    if decision.verdict == "run":
        await scope.hooks.before_tool(call, scope.context)
    book, journal, spec = scope.meter.book, scope.meter.journal, scope.callable[call.name].spec
    scope.emit(ToolStarted(call.id, call.name, call.arguments))
    started = time.perf_counter()
    opened = None
    if decision.verdict == "run" and journal.kept and spec.side_effects and not spec.idempotent:
        opened = book.open_tool(call.name, step, usage=plan.usage)
        if not await journal.begin(plan.place):
            decision = _NOT_NOTED
    outcome: ToolOutcome
    if decision.verdict == "run":
        observation, is_error = await _observed(plan, step, scope, opened)
        outcome = "done"
    else:
        observation, is_error, outcome = _without(decision)
    seconds = time.perf_counter() - started
    served, refused, unknown = (outcome == one for one in ("served", "refused", "unknown"))
    scope.emit(ToolFinished(call.id, call.name, observation, is_error, served, seconds, unknown))
    if not unknown:  # its row was entered when it began
        book.tool(
            call.name, step, seconds, outcome, is_error=is_error, usage=plan.usage, opened=opened
        )
    result = TrajectoryStep(
        step=step,
        tool=call.name,
        arguments=dict(call.arguments),
        observation=observation,
        is_error=is_error,
        served=served,
        refused=refused,
        unknown=unknown,
        seconds=round(seconds, 4),
    )
    if outcome == "done":
        await journal.finish(plan.place, result)
    await scope.hooks.after_tool(result, scope.context)
    return result


async def _observed(
    plan: Plan, step: int, scope: RunScope, opened: Entry | None
) -> tuple[str, bool]:
    name, started = plan.call.name, time.perf_counter()
    try:
        return await observe(
            plan.call,
            scope.callable[name],
            scope.meter,
            scope.prefetches.context_of(name),
            cut=scope.texts.begin,
            let_through=(GraphBubbleUp,),
        )
    except BaseException:
        seconds = time.perf_counter() - started
        book = scope.meter.book
        book.tool(name, step, seconds, "cancelled", usage=plan.usage, opened=opened)
        raise


def _without(decision: CallDecision) -> tuple[str, bool, ToolOutcome]:
    """What is shown of a call that is not made."""
    if decision.result is not None:
        return decision.result, False, "served"
    if decision.verdict == "unknown":
        return prompts.unknown(), True, "unknown"
    return prompts.refused(decision.reason), True, "refused"
