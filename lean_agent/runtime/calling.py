"""The tool calls of one action: decided by the gate, paid for, run. Spec: gating."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lean_agent.errors import LimitExceededError
from lean_agent.events import CostUpdated
from lean_agent.gating.call_keys import call_key, loose_key
from lean_agent.gating.tool_calls import CallDecision, CallSignals, ToolCallGate
from lean_agent.ledger.budget import Amount
from lean_agent.messages import ToolCall
from lean_agent.result import TrajectoryStep
from lean_agent.runtime.answering import MARKED_ANSWER_TOKENS, least_answer
from lean_agent.runtime.approving import needs_yes, refusal
from lean_agent.runtime.executing import Plan, execute
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState
from lean_agent.usage import Usage

__all__ = ["Made", "make_calls"]

_GATE = ToolCallGate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was decided and what came of it, in the order of the calls; ``limit`` names the limit
    that ends the run after them, "" for none.
    """

    plans: list[Plan]
    results: list[TrajectoryStep]
    limit: str = ""


async def make_calls(calls: Sequence[ToolCall], state: RunState, scope: RunScope) -> Made:
    """Decide on each call of one action and make those that are worth it.

    They run side by side once all are decided on. But before somebody is asked, those decided on
    until then run if one changes something: what is shown is what is so.
    """
    scope.memory.follow(state["trajectory"])
    action = _Action(state, scope, *await _unreadable(state["task"], scope))
    for call in calls:
        await action.add(call)
    await action.run()
    results = [action.results[place] for place in range(len(calls))]
    return Made(plans=action.plans, results=results, limit=action.limit)


class _Action:
    """``unaffordable`` says why no answer could use a result, "" where one can."""

    def __init__(self, state: RunState, scope: RunScope, limit: str, unaffordable: str) -> None:
        self.plans: list[Plan] = []
        self.results: dict[int, TrajectoryStep] = {}
        self.limit = limit
        self._unaffordable = unaffordable
        self._state = state
        self._scope = scope
        self._first: dict[str, int] = {}
        self._changed = False  # by a call of this action, before the next one

    async def add(self, call: ToolCall) -> None:
        """Decide on the next call; one that is to run is paid for."""
        spec = self._scope.callable[call.name].spec
        key = call_key(spec, call.arguments)
        place = len(self.plans)
        like = None if spec.side_effects else self._first.get(key)
        if like is not None:
            served = CallDecision(verdict="serve", reason="the same call in the same action")
            self.plans.append(Plan(call=call, decision=served, place=place, like=like))
            return
        plan = self._before(call, place) or await self._new(call, key, place)
        self.plans.append(plan)
        if plan.decision.verdict in {"run", "unknown"}:
            if spec.side_effects:
                self._changed = True
                self._first.clear()
            self._first[key] = place

    def _before(self, call: ToolCall, place: int) -> Plan | None:
        """The plan of a call that had begun when the run was cut off; it is paid for."""
        journal = self._scope.meter.journal
        if (done := journal.done(place)) is not None:
            return Plan(call=call, decision=CallDecision(verdict="run"), place=place, before=done)
        if journal.unknown(place):
            return Plan(call=call, decision=CallDecision(verdict="unknown"), place=place)
        return None

    async def _new(self, call: ToolCall, key: str, place: int) -> Plan:
        scope = self._scope
        spec = scope.callable[call.name].spec
        known = not (self._changed or spec.side_effects)
        looped, period = scope.memory.loop(loose_key(spec, call.arguments))
        signals = CallSignals(
            earlier=scope.memory.earlier(key) if known else None,
            failures=scope.memory.failures(key) if known else 0,
            looped=looped,
            period=period,
            idle=self._state["idle"],
            unaffordable=self._unaffordable,
        )
        decision = _GATE.decide(signals)
        if decision.verdict == "run" and needs_yes(call, scope):
            if self._changed:
                await self.run()
            decision = await refusal(call, scope) or decision
        usage = Usage()
        if decision.verdict == "run":
            try:
                usage = await _pay(call, scope)
            except LimitExceededError as error:
                # A dearer call than the run can pay leaves others that it can.
                self.limit = self.limit if error.limit_type == "usd" else error.limit_type
                decision = _GATE.decide(replace(signals, unaffordable=error.message))
        return Plan(call=call, decision=decision, place=place, usage=usage)

    async def run(self) -> None:
        """Make the calls that were decided on since the last time."""
        in_line = asyncio.Lock()

        async def one(plan: Plan) -> TrajectoryStep:
            if self._scope.callable[plan.call.name].spec.concurrency_safe:
                return await self._execute(plan)
            async with in_line:
                return await self._execute(plan)

        new = self.plans[len(self.results) :]
        own = [plan for plan in new if plan.like is None]
        done = await _side_by_side([one(plan) for plan in own])
        self.results |= {plan.place: result for plan, result in zip(own, done, strict=True)}
        for plan in new:
            if plan.like is not None:
                result = self.results[plan.like].observation
                served = replace(plan, decision=replace(plan.decision, result=result))
                self.results[plan.place] = await self._execute(served)

    async def _execute(self, plan: Plan) -> TrajectoryStep:
        return await execute(plan, self._state["steps"], self._scope)


async def _side_by_side(
    calls: Sequence[Coroutine[Any, Any, TrajectoryStep]],
) -> list[TrajectoryStep]:
    """What comes of each. Where a hook ends the run none goes on behind its back."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        if running := {task for task in tasks if not task.done()}:
            for task in running:
                task.cancel()
            await asyncio.wait(running)


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
