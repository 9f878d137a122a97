"""The SDK's front door: an Agent that runs a task in the cheapest mode likely to solve it."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

from lean_agent._semconv import Mode, Purpose
from lean_agent._threads import run_to_end
from lean_agent.approval import Approvals, Approve
from lean_agent.arguments import (
    checked_patterns,
    checked_task,
    chosen_models,
    known_mode,
    output_form,
    tools_by_name,
)
from lean_agent.errors import ConfigurationError
from lean_agent.events import Event
from lean_agent.gate import Gate, GateDecision
from lean_agent.gating.calibrated import Quality, checked_quality
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Budget
from lean_agent.ledger.ledger import Ledger
from lean_agent.messages import Message
from lean_agent.model import Model, ModelRequest, ModelResponse
from lean_agent.models.pricing import PriceTable
from lean_agent.models.rates import Rates
from lean_agent.models.response_cache import AnswerStore
from lean_agent.planner import Planner
from lean_agent.reasoning import Reasoning
from lean_agent.result import OutputT, RunResult
from lean_agent.runtime.opening import Part
from lean_agent.runtime.parts import run_part, stream_part
from lean_agent.runtime.prompts import SYSTEM
from lean_agent.runtime.setup import Setup
from lean_agent.runtime.state import start_state
from lean_agent.thinking.named import resolve_reasoning
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from lean_agent.models.probe import ProbeReport
    from lean_agent.trajectory.exemplars import ExemplarSource
    from lean_agent.trajectory.memory import Memory
    from lean_agent.trajectory.recording import Recorder

__all__ = ["DEFAULT_MODEL", "DEFAULT_STEPS", "Agent"]

DEFAULT_MODEL = "local:qwen2.5-coder-1.5b"
DEFAULT_STEPS = 20
"""Steps a run may take where the caller sets no budget at all."""

Generate = Callable[[ModelRequest], Awaitable[ModelResponse]]


def _ignore(_event: Event) -> None:
    return None


class Agent(Generic[OutputT]):
    """Runs tasks against one model with some tools, under a budget.

    Args:
        model: ``provider:name`` or a Model; when None LEAN_AGENT_MODEL, or else DEFAULT_MODEL,
            which is embedded and needs the extra [local]. Of a list each is gone on with where the
            one before fails.
        tools: Tools, or typed functions, which become tools.
        budget: What one run may spend. None allows DEFAULT_STEPS steps (model calls but for
            retries and the probe) and caps nothing else.
        mode: auto lets the gate choose; instant, reason, agent or plan force that mode.
        reasoning: How reason mode thinks: a name of ``thinking.named``, or a Reasoning.
        instructions: Added to the system prompt.
        base_url: An OpenAI-compatible server other than the provider's own.
        ledger: Where entries go; the user's own ledger folder when None.
        checkpoints: A SQLite file that keeps a run until it is complete, so that it can be resumed;
            None keeps none. A disk that is full or fails ends no run: its result is not
            ``resumable`` then and says why.
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

    Raises:
        ConfigurationError: an unknown model, mode or way to reason, a tool that cannot be
            described, two tools of one name, a pattern in ``allow`` that names no tool; of a run
            also a dollar cap on a model whose price nobody knows, or a file for checkpoints that
            can be none.
    """

    def __init__(
        self,
        *,
        model: str | Model | Sequence[str | Model] | None = None,
        tools: Sequence[Tool | Callable[..., Any]] = (),
        budget: Budget | None = None,
        mode: Mode = "auto",
        reasoning: str | Reasoning = "plain",
        instructions: str = "",
        base_url: str | None = None,
        ledger: Ledger | None = None,
        checkpoints: Path | None = None,
        roots: Sequence[Path] = (),
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
    ) -> None:
        chosen = model or os.environ.get("LEAN_AGENT_MODEL") or DEFAULT_MODEL
        self.model, *fallbacks = chosen_models(chosen, base_url)
        self.tools = tools_by_name(tools)
        self.mode: Mode = known_mode(mode)
        self._budget = budget
        self._instructions = instructions
        self._setup = Setup(
            model=self.model,
            tools=self.tools,
            ledger=ledger or Ledger(),
            prices=prices or PriceTable(),
            reasoning=resolve_reasoning(reasoning),
            approvals=Approvals(allowed=checked_patterns(allow, self.tools), ask=approve),
            checkpoints=checkpoints,
            roots=tuple(Path(root) for root in roots),
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
            rates=rates or {},
            form=output_form(output_type),
            output_repairs=output_repairs,
        )

    async def run(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
        session_id: str | None = None,
        task_id: str | None = None,
    ) -> RunResult[OutputT]:
        """Do a task.

        ``history`` is an earlier result's ``messages``; ``deps`` reaches tools; ``session_id`` and
        ``task_id`` are the caller's own names, kept in the ledger.

        Raises:
            ConfigurationError: nothing was spent.
            LeanAgentError: the run could not go on; ``result`` holds what was done until then.
            OutputParseError: it came to no output of the type that was asked for.
        """
        part = self._first_part(task, mode, budget, history, deps, session_id, task_id)
        return await run_part(self._setup, part)

    def run_sync(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
        session_id: str | None = None,
        task_id: str | None = None,
    ) -> RunResult[OutputT]:
        """``run`` for programs without an event loop; also works where one is running."""
        part = self._first_part(task, mode, budget, history, deps, session_id, task_id)
        return self._run_sync(part)

    async def stream(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
        session_id: str | None = None,
        task_id: str | None = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[Event]:
        """Do a task and yield events; the last is RunFinished.

        Setting ``stop`` ends the run with what it has (exit_status "interrupted"). Closing the
        generator cancels it; what was spent is charged either way.

        Raises:
            ConfigurationError: nothing was spent.
            LeanAgentError: as ``run``.
        """
        part = self._first_part(task, mode, budget, history, deps, session_id, task_id)
        async with aclosing(stream_part(self._setup, part, stop)) as events:
            async for event in events:
                yield event

    async def resume(
        self, run_id: str, *, budget: Budget | None = None, deps: Any = None
    ) -> RunResult[OutputT]:
        """Go on with a run that a limit, an interrupt or a crash ended; needs ``checkpoints``.

        ``budget`` caps the whole run, earlier parts included; so do the result's totals. No call
        that was answered is made again; one that was cut off in the middle is charged, and made
        anew.

        Raises:
            ConfigurationError: there is no such run, it is complete, or the cap that ended it is
                not raised; nothing was spent.
            LeanAgentError: as ``run``.
        """
        return await run_part(self._setup, self._later_part(run_id, budget, deps))

    def resume_sync(
        self, run_id: str, *, budget: Budget | None = None, deps: Any = None
    ) -> RunResult[OutputT]:
        """``resume`` for programs without an event loop; also works where one is running."""
        return self._run_sync(self._later_part(run_id, budget, deps))

    async def resume_stream(
        self,
        run_id: str,
        *,
        budget: Budget | None = None,
        deps: Any = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[Event]:
        """``resume``, yielding events as ``stream`` does."""
        part = self._later_part(run_id, budget, deps)
        async with aclosing(stream_part(self._setup, part, stop)) as events:
            async for event in events:
                yield event

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

    @asynccontextmanager
    async def metered(self, purpose: Purpose) -> AsyncGenerator[Generate]:
        """Model calls outside of a run: under the agent's budget, in the ledger, and no steps."""
        from lean_agent.runtime.meter import Call

        part = self._first_part(purpose, None, None, (), None, None, None)
        scope, _ = await self._setup.open(part, _ignore, streaming=False)
        call = Call(purpose=purpose, mode="agent", step=0, final=True)

        async def generate(request: ModelRequest) -> ModelResponse:
            return await scope.meter.call(request, call)

        try:
            yield generate
        finally:
            await scope.meter.spending.close()

    async def aclose(self) -> None:
        """Close this event loop's connections, those of its tools too, and the ledger's segment.

        The agent can be used again afterwards.
        """
        for model in (self.model, *self._setup.fallbacks):
            await model.aclose()
        for tool in self.tools.values():
            if (close := getattr(tool, "aclose", None)) is not None:
                await close()
        self._setup.ledger.close()

    def take_notices(self) -> list[str]:
        """What no result could tell the user: entries that were lost when the ledger closed."""
        return self._setup.ledger.take_notices()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    def _first_part(
        self,
        task: str,
        mode: Mode | None,
        budget: Budget | None,
        history: Sequence[Message],
        deps: Any,
        session_id: str | None,
        task_id: str | None,
    ) -> Part:
        run_id = uuid.uuid4().hex
        messages = list(history) or [Message("system", f"{SYSTEM}\n{self._instructions}".strip())]
        return Part(
            run_id=run_id,
            root_id=run_id,
            first_state=start_state(
                checked_task(task),
                known_mode(mode or self.mode),
                messages,
                typed=self._setup.form is not None,
            ),
            budget=budget or self._default_budget(),
            deps=deps,
            session_id=session_id,
            task_id=task_id,
        )

    def _later_part(self, run_id: str, budget: Budget | None, deps: Any) -> Part:
        if self._setup.checkpoints is None:
            raise ConfigurationError(
                "nothing was kept to resume",
                hint="give Agent(checkpoints=PATH) before the run that may have to go on",
            )
        return Part(
            run_id=run_id,
            root_id=uuid.uuid4().hex,
            budget=budget or self._default_budget(),
            deps=deps,
        )

    def _default_budget(self) -> Budget:
        return self._budget or Budget(steps=DEFAULT_STEPS)

    def _run_sync(self, part: Part) -> RunResult[OutputT]:
        async def once() -> RunResult[OutputT]:
            async with self:
                return await run_part(self._setup, part)

        return run_to_end(once())
