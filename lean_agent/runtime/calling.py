"""The tool calls of one action: decided by the gate, paid for, run. Spec: gating."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langgraph.errors import GraphBubbleUp

from lean_agent.errors import LimitExceededError
from lean_agent.events import CostUpdated, ToolFinished, ToolStarted
from lean_agent.gating.call_keys import call_key, loose_key
from lean_agent.gating.tool_calls import CallDecision, CallSignals, ToolCallGate
from lean_agent.ledger.budget import Amount
from lean_agent.messages import ToolCall
from lean_agent.result import TrajectoryStep
from lean_agent.runtime import prompts
from lean_agent.runtime.answering import MARKED_ANSWER_TOKENS, least_answer
from lean_agent.runtime.approving import refusal
from lean_agent.runtime.observing import observe
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState
from lean_agent.usage import Usage

__all__ = ["Decided", "Plan", "decide", "run_calls"]

_GATE = ToolCallGate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A call and what was decided. ``like`` is the place in the same action of an equal call, whose
    result this one is served; None where there is none. ``usage`` is what the call itself costs.
    """

    call: ToolCall
    decision: CallDecision
    like: int | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """``limit`` names the limit that ends the run after these calls, "" for none."""

    plans: list[Plan]
    limit: str = ""


async def decide(calls: Sequence[ToolCall], state: RunState, scope: RunScope) -> Decided:
    """What to do with each call of one action; those that are to run are paid for."""
    scope.memory.follow(state["trajectory"])
    plans: list[Plan] = []
    limit, unreadable = await _unreadable(state["task"], scope)
    first: dict[str, int] = {}
    changed = False  # by a call of this action, before this one
    for call in calls:
        spec = scope.callable[call.name].spec
        key = call_key(spec, call.arguments)
        like = None if spec.side_effects else first.get(key)
        if like is not None:
            served = CallDecision(verdict="serve", reason="the same call in the same action")
            plans.append(Plan(call=call, decision=served, like=like))
            continue
        known = not (changed or spec.side_effects)
        looped, period = scope.memory.loop(loose_key(spec, call.arguments))
        signals = CallSignals(
            earlier=scope.memory.earlier(key) if known else None,
            failures=scope.memory.failures(key) if known else 0,
            looped=looped,
            period=period,
            idle=state["idle"],
            unaffordable=unreadable,
        )
        decision = _GATE.decide(signals)
        if decision.verdict == "run":
            decision = await refusal(call, scope) or decision
        usage = Usage()
        if decision.verdict == "run":
            try:
                usage = await _pay(call, scope)
            except LimitExceededError as error:
                # A dearer call than the run can pay leaves others that it can.
                limit = limit if error.limit_type == "usd" else error.limit_type
                decision = _GATE.decide(replace(signals, unaffordable=error.message))
        if decision.verdict == "run":
            if spec.side_effects:
                changed = True
                first.clear()
            first[key] = len(plans)
        plans.append(Plan(call=call, decision=decision, usage=usage))
    return Decided(plans=plans, limit=limit)


async def _unreadable(task: str, scope: RunScope) -> tuple[str, str]:
    """(limit, reason) where too little is left for any model call that reads a result; else "".

    The slice for the final answer counts as room: a result found at the last step is still read.
    """
    left = await scope.meter.spending.remaining(final=True)
    if left.tokens is None and left.usd is None:
        return "", ""
    prompt, output = await least_answer(scope, task), MARKED_ANSWER_TOKENS
    reason = "what is left of the {} pays for no answer that could use its result"
    if left.tokens is not None and left.tokens <= prompt + output:
        return "tokens", reason.format("tokens")
    price = scope.meter.price
    if left.usd is not None and price and price.worst_case(prompt, output, 0.0) > left.usd:
        return "usd", reason.format("dollars")
    return "", ""


async def _pay(call: ToolCall, scope: RunScope) -> Usage:
    """Charge a call, and what its spec says that it costs.

    Raises:
        LimitExceededError: nothing was charged.
    """
    hint = scope.callable[call.name].spec.cost_hint
    spending = scope.meter.spending
    if not hint:
        with spending.account.reserve(Amount(tool_calls=1)) as reservation:
            reservation.settle(Amount(tool_calls=1))
        return Usage()
    amount = Amount(usd=hint, tool_calls=1)
    held = await spending.reserve(amount, lost=amount)
    await held.settle(amount)
    usage = Usage(cost=hint, provenance=frozenset({"estimated"}))
    scope.meter.usage += usage
    scope.emit(CostUpdated(scope.meter.usage))
    return usage


async def run_calls(plans: Sequence[Plan], step: int, scope: RunScope) -> list[TrajectoryStep]:
    """What came of each, in their order."""
    in_line = asyncio.Lock()

    async def one(plan: Plan) -> TrajectoryStep:
        if scope.callable[plan.call.name].spec.concurrency_safe:
            return await _run_call(plan, step, scope)
        async with in_line:
            return await _run_call(plan, step, scope)

    own = [place for place, plan in enumerate(plans) if plan.like is None]
    done = dict(zip(own, await asyncio.gather(*(one(plans[p]) for p in own)), strict=True))
    for place, plan in enumerate(plans):
        if plan.like is not None:
            result = done[plan.like].observation
            served = replace(plan, decision=replace(plan.decision, result=result))
            done[place] = await _run_call(served, step, scope)
    return [done[place] for place in range(len(plans))]


async def _run_call(plan: Plan, step: int, scope: RunScope) -> TrajectoryStep:
    call, decision, book = plan.call, plan.decision, scope.meter.book
    scope.emit(ToolStarted(call.id, call.name, call.arguments))
    started = time.perf_counter()
    is_error = False
    if decision.result is not None:
        observation = decision.result
    elif decision.verdict != "run":
        observation, is_error = prompts.refused(decision.reason), True
    else:
        try:
            observation, is_error = await observe(
                call,
                scope.callable[call.name],
                scope.meter,
                scope.prefetches.context_of(call.name),
                cut=scope.texts.begin,
                let_through=(GraphBubbleUp,),
            )
        except BaseException:
            seconds = time.perf_counter() - started
            book.tool(call.name, step, seconds, "cancelled", usage=plan.usage)
            raise
    seconds = time.perf_counter() - started
    served = decision.result is not None
    refused = not served and decision.verdict != "run"
    scope.emit(ToolFinished(call.id, call.name, observation, is_error, served, seconds))
    outcome = "served" if served else "refused" if refused else "done"
    book.tool(call.name, step, seconds, outcome, is_error=is_error, usage=plan.usage)
    return TrajectoryStep(
        step=step,
        tool=call.name,
        arguments=dict(call.arguments),
        observation=observation,
        is_error=is_error,
        served=served,
        refused=refused,
        seconds=round(seconds, 4),
    )
