"""The SDK's front door: an Agent that runs a task in the cheapest mode likely to solve it."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent._semconv import Mode, Purpose
from lean_agent.approval import Approvals, Approve
from lean_agent.arguments import (
    checked_checkpoints,
    checked_hooks,
    checked_patterns,
    checked_roots,
    checked_task,
    chosen_models,
    known_mode,
    output_form,
    tools_by_name,
)
from lean_agent.events import Event
from lean_agent.gate import Gate, GateDecision
from lean_agent.gating.calibrated import Quality, checked_quality
from lean_agent.hooks import Hooks
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Budget
from lean_agent.ledger.ledger import Ledger
from lean_agent.model import Model
from lean_agent.models.pricing import PriceTable
from lean_agent.models.rates import Rates
from lean_agent.models.response_cache import AnswerStore
from lean_agent.planner import Planner
from lean_agent.reasoning import Reasoning
from lean_agent.result import OutputT, RunResult
from lean_agent.runs import DEFAULT_STEPS, Runs
from lean_agent.runtime.opening import Part
from lean_agent.runtime.parts import run_part
from lean_agent.runtime.setup import Setup
from lean_agent.runtime.state import start_state
from lean_agent.thinking.named import resolve_reasoning
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from lean_agent.agent_tool import AgentTool
    from lean_agent.context import RunContext
    from lean_agent.models.probe import ProbeReport
    from lean_agent.runtime.metered import Metered
    from lean_agent.runtime.node import AgentNode, NodeState, StateT
    from lean_agent.trajectory.exemplars import ExemplarSource
    from lean_agent.trajectory.memory import Memory
    from lean_agent.trajectory.recording import Recorder

__all__ = ["DEFAULT_MODEL", "DEFAULT_STEPS", "Agent"]

DEFAULT_MODEL = "local:qwen2.5-coder-1.5b"


def _ignore(_event: Event) -> None:
    return None


class Agent(Runs[OutputT]):
    """Runs tasks against one model with some tools, under a budget.

    Args:
        model: ``provider:name`` or a Model; when None LEAN_AGENT_MODEL, or else DEFAULT_MODEL,
            which is embedded and needs the extra [local]. Of a list each is gone on with where the
            one before fails.
        cascade: Larger models, the smallest first, which mode auto may choose in place of ``model``
            or go on with.
        tools: Tools, or typed functions, which become tools.
        budget: What one run may spend. None allows DEFAULT_STEPS steps (model calls but for
            retries and the probe) and caps nothing else.
        mode: auto lets the gate choose; instant, reason, agent or plan force that mode.
        reasoning: How reason mode thinks: a name of ``thinking.named``, or a Reasoning.
        instructions: Added to the system prompt.
        base_url: An OpenAI-compatible server other than the provider's own.
        ledger: Where entries go; the user's own ledger folder when None.
        checkpoints: A SQLite file, or the URL of a Postgres database (extra [postgres]), that keeps
            a run until it is complete, so that it can be resumed; None keeps none. One that fails
            later ends no run: its result is not ``resumable`` then and says why.
        roots: The only folders and files that file tools may read, or write with approval.
        prices: Prices to charge by; the user's prices.toml and genai-prices when None.
        temperature: Sampling temperature of every call; 0 when left out.
        seed: Passed to servers that take one.
        account: A session's account: every run is charged to it too, and ends at its limits.
        cache: Answers to identical requests are served from it, and billed 0.
        show_budget: Tell the model with each observation what is left to spend.
        schema_tokens: What may be told of the tools at first, in tokens of 3 bytes. Of more tools
            those that the task asks for are, and one that finds others.
        exemplars: Solved examples that agent mode reads before the task (``Exemplars.read``).
        memory: What earlier runs came to, which agent mode reads before a task like theirs, and to
            which each run adds (``trajectory.memory.Memory``).
        record: Write down what each run did, as a trajectory: with True in the user's own file,
            for as long as ``Recorder.of_user`` says, or as a Recorder does. A disk that fails ends
            no run.
        planners: What solves search problems without a model call; those of installed packages
            when None.
        allow: Calls that need no asking though they change something outside the run: ``NAME``, or
            ``NAME:PATTERN`` for those whose path, address or command fits; ``*`` allows all.
        approve: Asks somebody about the others (``approval.Approve``); they are refused when None.
        quality: How much mode auto may save at the expense of the expected pass rate: economy,
            balanced, best, or the rate to be reached. Heeded where the model has a profile.
        gate: Chooses in mode auto; when None the model's profile does, or else free rules.
        output_type: A Pydantic model or dataclass: what a result's ``output`` is an
            instance of. Text when None.
        output_repairs: How often an answer that does not fit it is asked for again.
        rates: What each provider may be asked a minute, by its name; runs of a process share it.
        hooks: Waited for before and after each call of a run, and at its end (``hooks.Hooks``).

    Raises:
        ConfigurationError: an unknown model, mode or way to reason, a tool that cannot be
            described, two tools of one name, a pattern in ``allow`` that names no tool; of a run
            also a dollar cap on a model whose price nobody knows, or a file or database for
            checkpoints that can be none.
    """

    def __init__(
        self,
        *,
        model: str | Model | Sequence[str | Model] | None = None,
        cascade: Sequence[str | Model] = (),
        tools: Tool | Callable[..., Any] | Sequence[Tool | Callable[..., Any]] = (),
        budget: Budget | None = None,
        mode: Mode = "auto",
        reasoning: str | Reasoning = "plain",
        instructions: str = "",
        base_url: str | None = None,
        ledger: Ledger | None = None,
        checkpoints: Path | str | None = None,
        roots: Path | str | Sequence[Path | str] = (),
        prices: PriceTable | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        account: Account | None = None,
        cache: AnswerStore | None = None,
        show_budget: bool = False,
        schema_tokens: int = 2_000,
        exemplars: ExemplarSource | None = None,
        memory: Memory | None = None,
        record: bool | Recorder = False,
        planners: Sequence[Planner] | None = None,
        allow: Sequence[str] = (),
        approve: Approve | None = None,
        quality: Quality = "balanced",
        gate: Gate | None = None,
        output_type: type[OutputT] | None = None,
        output_repairs: int = 2,
        rates: Mapping[str, Rates] | None = None,
        hooks: Hooks | Sequence[Hooks] = (),
    ) -> None:
        chosen = model or os.environ.get("LEAN_AGENT_MODEL") or DEFAULT_MODEL
        self.model: Model
        self.model, *fallbacks = chosen_models(chosen, base_url, cascade)
        self.tools: Mapping[str, Tool] = tools_by_name(tools)
        setup = Setup(
            model=self.model,
            tools=self.tools,
            ledger=ledger or Ledger(),
            prices=prices or PriceTable(),
            reasoning=resolve_reasoning(reasoning),
            approvals=Approvals(allowed=checked_patterns(allow, self.tools), ask=approve),
            checkpoints=checked_checkpoints(checkpoints),
            roots=checked_roots(roots),
            temperature=temperature,
            seed=seed,
            account=account,
            cache=cache,
            show_budget=show_budget,
            schema_tokens=schema_tokens,
            exemplars=exemplars,
            memory=memory,
            planners=None if planners is None else tuple(planners),
            quality=checked_quality(quality),
            gate=gate,
            record=record,
            fallbacks=tuple(fallbacks),
            cascade=bool(cascade),
            rates=rates or {},
            form=output_form(output_type),
            output_repairs=output_repairs,
            hooks=checked_hooks(hooks),
        )
        super().__init__(setup, mode=mode, budget=budget, instructions=instructions)

    async def explain(self, task: str, *, mode: Mode | None = None) -> GateDecision:
        """Which mode a run would begin in, why, and what was expected of each. Nothing is spent.

        Raises:
            ConfigurationError: the forced mode cannot be.
        """
        return await self._setup.decide(checked_task(task), known_mode(mode or self.mode))

    async def probe(self) -> ProbeReport:
        """Find out, anew, which action format the model can do, and remember it. Charged.

        Raises:
            ModelError: the model cannot be reached.
        """
        from lean_agent.models.probe import format_key, probe, remember

        async with self.metered("probe") as generate:
            report = await probe(generate)
        remember(format_key(self.model), report.action_format)
        return report

    def as_tool(self, *, name: str, description: str, budget: Budget | None = None) -> AgentTool:
        """This agent as a tool of another one.

        The other's model writes the task, which is all that this agent is told, and reads the
        answer. Each call is a run of its own, in the mode of this agent, with the ``deps`` of the
        run that calls it. What that has left caps it, and it is charged all that is spent here;
        the ledger shows the one run below the other. Calls that need a yes ask whom the other asks,
        unless this agent has somebody. A limit, or a failure, is told to the model.

        Args:
            name: What the model calls it by.
            description: What it can do, for the model.
            budget: What one call may spend, within what is left of the caller's; the agent's own
                when None.

        Raises:
            ConfigurationError: no tool can have this name.
        """
        from lean_agent.agent_tool import AgentTool

        async def work(task: str, ctx: RunContext) -> RunResult[OutputT]:
            return await run_part(self._setup, self._nested_part(task, budget, ctx))

        return AgentTool(
            work,
            self.aclose,
            name=name,
            description=description,
            tools=tuple(self.tools.values()),
            seconds=(budget or self._default_budget()).seconds,
        )

    def as_node(
        self,
        *,
        task: Callable[[StateT], str],
        update: Callable[[RunResult[OutputT]], Mapping[str, Any]],
        budget: Budget | None = None,
        deps: object = None,
    ) -> AgentNode[StateT, OutputT]:
        """This agent as a node of your own LangGraph graph: each visit is a run.

        It keeps to its budget and enters what it spends in the ledger, as every run does; to cap
        all visits together, or several agents, give the agents one ``account``. Both ``invoke`` and
        ``ainvoke`` of the graph will do.

        Args:
            task: Reads what is to be done from the graph's state.
            update: What of the result goes into the state.
            budget: What one visit may spend; the agent's own when None.
            deps: Reaches tools, as in ``run``.
        """
        from lean_agent.runtime.node import AgentNode

        return AgentNode(
            partial(self.run, budget=budget, deps=deps),
            partial(self.run_sync, budget=budget, deps=deps),
            task,
            update,
        )

    @property
    def graph(self) -> CompiledStateGraph[NodeState, None, NodeState, NodeState]:
        """A compiled LangGraph graph around this agent, for what takes only such: a state with
        ``task`` goes in; ``output``, and the whole result as ``run``, come out.
        """
        from lean_agent.runtime.node import graph_of

        return graph_of(self.run, self.run_sync)

    @asynccontextmanager
    async def metered(self, purpose: Purpose) -> AsyncGenerator[Metered]:
        """Model calls outside of a run: under the agent's budget, in the ledger, and no steps."""
        from lean_agent.runtime.meter import Call
        from lean_agent.runtime.metered import Metered

        run_id = uuid.uuid4().hex
        part = Part(
            run_id=run_id,
            root_id=run_id,
            first_state=start_state(purpose, "agent", []),
            budget=self._default_budget(),
            deps=None,
        )
        scope, _ = await self._setup.open(part, _ignore, streaming=False)
        try:
            yield Metered(scope.meter, Call(purpose=purpose, mode="agent", step=0, final=True))
        finally:
            await scope.meter.spending.close()

    def take_notices(self) -> list[str]:
        """What no result could tell the user: entries that were lost when the ledger closed."""
        return self._setup.ledger.take_notices()
