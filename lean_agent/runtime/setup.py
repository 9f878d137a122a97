"""What all runs of one agent are made of, and how one part of a run is opened from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lean_agent._semconv import Mode
from lean_agent.approval import Approvals
from lean_agent.events import Event
from lean_agent.gate import Gate, GateDecision
from lean_agent.gating.calibrated import Quality
from lean_agent.gating.profiles import cascade_gate, gate_for
from lean_agent.hooks import Hooks
from lean_agent.ledger.account import Account
from lean_agent.ledger.ledger import Ledger
from lean_agent.model import Model
from lean_agent.models.pricing import PriceTable
from lean_agent.models.rates import Rates
from lean_agent.models.response_cache import AnswerStore
from lean_agent.planner import Planner
from lean_agent.plugins import load_planners
from lean_agent.reasoning import Reasoning
from lean_agent.runtime.opening import Part, embedding_of, open_meter, refuse_blind, run_context
from lean_agent.runtime.routes import Route, route_to
from lean_agent.runtime.state import RunState
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from lean_agent.output_form import OutputForm
    from lean_agent.runtime.checkpoints import Checkpoints
    from lean_agent.runtime.narrowing import Catalogue
    from lean_agent.runtime.scope import RunScope
    from lean_agent.trajectory.exemplars import ExemplarSource
    from lean_agent.trajectory.memory import Memory
    from lean_agent.trajectory.recording import Recorder

__all__ = ["Setup"]


@dataclass(slots=True, kw_only=True)
class Setup:
    """An agent's settings, as ``Agent`` describes them."""

    model: Model
    tools: Mapping[str, Tool]
    ledger: Ledger
    prices: PriceTable
    reasoning: Reasoning
    approvals: Approvals
    checkpoints: Path | str | None = None
    roots: tuple[Path, ...] = ()
    temperature: float = 0.0
    seed: int | None = None
    account: Account | None = None
    cache: AnswerStore | None = None
    show_budget: bool = False
    schema_tokens: int = 2_000
    exemplars: ExemplarSource | None = None
    memory: Memory | None = None
    planners: tuple[Planner, ...] | None = None
    gate: Gate | None = None
    quality: Quality = "balanced"
    fallbacks: tuple[Model, ...] = ()
    cascade: bool = False
    rates: Mapping[str, Rates] = field(default_factory=dict[str, Rates])
    form: OutputForm[Any] | None = None
    output_repairs: int = 0
    record: bool | Recorder = False
    hooks: tuple[Hooks, ...] = ()
    _routes: tuple[Route, ...] = field(default=(), init=False)
    _catalogue: Catalogue | None = field(default=None, init=False)

    async def open(
        self,
        part: Part,
        emit: Callable[[Event], None],
        *,
        streaming: bool,
        saver: Checkpoints | None = None,
    ) -> tuple[RunScope, RunState]:
        """The live side of one part of a run, and its state: a resumed run's is in ``saver``.

        Refuses what must not begin.

        Raises:
            ConfigurationError: nothing was spent.
        """
        from lean_agent.runtime.disclosing import Disclosed
        from lean_agent.runtime.hooking import RunHooks
        from lean_agent.runtime.journal import Journal
        from lean_agent.runtime.nesting import ParentRun
        from lean_agent.runtime.prefetching import Prefetches
        from lean_agent.runtime.resuming import last_checkpoint
        from lean_agent.runtime.scope import RunScope

        state, journal = part.first_state, Journal()
        if state is None:
            kept = cast("Checkpoints", saver)
            state, journal = await last_checkpoint(kept, part.run_id)
            self.approvals.allow([*state.get("allowed", []), *journal.allowed])
        if any(message.get("images") for message in state["messages"]):
            refuse_blind((self.model, *self.fallbacks))
        # A profile that is broken, or a plugin, is told before any cap is opened.
        gate = await self._settle_gate()
        planners = await self._settle_planners(state["forced"])
        above = part.parent
        meter = await open_meter(
            part,
            state,
            routes=await self._settle_routes(),
            ledger=self.ledger if above is None else above.ledger,
            account=self.account if above is None else above.account(self.account),
            cache=self.cache,
            journal=journal,
            emit=emit,
        )
        if level := state.get("model"):
            meter.go_by(level)
        embedding = embedding_of(meter, self.prices)
        approvals = self.approvals if above is None else above.approvals(self.approvals)
        context = run_context(
            part,
            self.model,
            embedding,
            task=state["task"],
            roots=self.roots,
            emit=emit,
            as_parent=ParentRun(meter=meter, ask=approvals.ask),
        )
        scope = RunScope(
            meter=meter,
            gate=gate,
            tools=self.tools,
            disclosed=Disclosed(self._settle_catalogue()),
            action_format=meter.model.card.action_format,
            context=context,
            prefetches=Prefetches(self.tools, context, embedding),
            planners=planners,
            emit=emit,
            reasoning=self.reasoning,
            approvals=approvals,
            streaming=streaming,
            show_budget=self.show_budget,
            exemplars=self.exemplars,
            episodes=self.memory,
            temperature=self.temperature,
            seed=self.seed,
            form=self.form,
            output_repairs=self.output_repairs,
            kept=part.resumed,
            cascade=self.cascade,
            hooks=RunHooks(self.hooks),
        )
        return scope, state

    def _settle_catalogue(self) -> Catalogue:
        """What ranks the tools, made once: it keeps their index."""
        if self._catalogue is None:
            from lean_agent.runtime.narrowing import Catalogue

            self._catalogue = Catalogue(
                (tool.spec for tool in self.tools.values()),
                tokens=self.schema_tokens,
                schema_is_read=not self.model.card.grammar,
            )
        return self._catalogue

    async def _settle_planners(self, forced: str) -> tuple[Planner, ...]:
        """The given ones, else the installed; those are imported once a run may need them."""
        if self.planners is None and forced in {"auto", "plan"}:
            self.planners = await asyncio.to_thread(_installed_planners)
        return self.planners or ()

    async def decide(self, task: str, forced: Mode) -> GateDecision:
        """What the gate would choose for a task. Nothing is spent.

        Raises:
            ConfigurationError: a mode is forced that cannot be.
        """
        from lean_agent.runtime.signals import signals_of

        planners = await self._settle_planners(forced)
        signals, _ = await signals_of(
            task, forced, tools=self.tools, roots=self.roots, planners=planners
        )
        return (await self._settle_gate()).decide(signals)

    async def _settle_gate(self) -> Gate:
        """The given one, else by the models' profiles; they are read once, in a thread."""
        if self.gate is None and self.cascade:
            levels = [(route.model.name, route.price) for route in await self._settle_routes()]
            self.gate = await asyncio.to_thread(cascade_gate, levels, self.quality)
        elif self.gate is None:
            self.gate = await asyncio.to_thread(gate_for, self.model.name, self.quality)
        return self.gate

    async def _settle_routes(self) -> tuple[Route, ...]:
        """With the prices of this moment, for some change at a date. The first look into the price
        table imports it, and is taken in a thread.
        """
        if self._routes:
            price_of = self.prices.price_of
            self._routes = tuple(replace(one, price=price_of(one.model)) for one in self._routes)
            return self._routes
        models = (self.model, *self.fallbacks)
        prices = await asyncio.to_thread(lambda: list(map(self.prices.price_of, models)))
        made = zip(models, prices, strict=True)
        self._routes = tuple(route_to(model, price, self.rates) for model, price in made)
        return self._routes


@cache
def _installed_planners() -> tuple[Planner, ...]:
    return load_planners()
