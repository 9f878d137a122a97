"""The SDK's front door: an Agent that runs a task in the cheapest mode likely to solve it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lean_agent._semconv import Mode
from lean_agent.context import RunContext
from lean_agent.errors import ConfigurationError
from lean_agent.events import Event, Notice, RunFinished, RunStarted
from lean_agent.function_tool import tool as as_tool
from lean_agent.gating.rules import RuleGate
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.ledger import Ledger
from lean_agent.messages import Message
from lean_agent.model import Model, ModelRequest, ModelResponse
from lean_agent.models.pricing import Price, PriceTable
from lean_agent.models.registry import resolve_model
from lean_agent.result import RunResult
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from lean_agent.models.probe import ProbeReport
    from lean_agent.runtime.scope import RunScope

__all__ = ["DEFAULT_MODEL", "DEFAULT_STEPS", "Agent"]

DEFAULT_MODEL = "local:qwen2.5-coder-1.5b"
DEFAULT_STEPS = 20
"""Steps a run may take where the caller sets no budget at all."""

_MAX_TASK_CHARS = 1_000_000
_FINAL_PROMPT_TOKENS = 4_000
_FINAL_OUTPUT_TOKENS = 512
_FINAL_TOKENS = 1_500
_FINAL_SECONDS = 20.0
_FINAL_SHARE = 4

_UNSETTLED = object()
_Result = TypeVar("_Result")


def _ignore(_event: Event) -> None:
    return None


class Agent:
    """Runs tasks against one model with some tools, under a budget.

    Args:
        model: ``provider:name`` or a Model; when None LEAN_AGENT_MODEL, or else DEFAULT_MODEL,
            which is embedded and needs the extra [local].
        tools: Tools, or typed functions, which become tools.
        budget: What one run may spend. None allows DEFAULT_STEPS steps (model calls but for
            retries and the probe) and caps nothing else.
        mode: auto lets the gate choose; instant, reason or agent force that mode.
        instructions: Added to the system prompt.
        base_url: An OpenAI-compatible server other than the provider's own.
        ledger: Where entries go; the user's own ledger folder when None.
        checkpoints: A SQLite file that keeps every step's state; None keeps none.
        roots: The only folders and files that file tools may read.
        prices: Prices to charge by; the user's prices.toml and genai-prices when None.
        temperature: Sampling temperature of every call; 0 when left out.
        seed: Passed to servers that take one.

    Raises:
        ConfigurationError: an unknown model or mode, a tool that cannot be described, two tools of
            one name, or a dollar cap on a model whose price nobody knows.
    """

    def __init__(
        self,
        *,
        model: str | Model | None = None,
        tools: Sequence[Tool | Callable[..., Any]] = (),
        budget: Budget | None = None,
        mode: Mode = "auto",
        instructions: str = "",
        base_url: str | None = None,
        ledger: Ledger | None = None,
        checkpoints: Path | None = None,
        roots: Sequence[Path] = (),
        prices: PriceTable | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> None:
        chosen = model or os.environ.get("LEAN_AGENT_MODEL") or DEFAULT_MODEL
        self.model = resolve_model(chosen, base_url=base_url)
        self.tools = _by_name(tools)
        self.mode: Mode = _known_mode(mode)
        self._budget = budget
        self._instructions = instructions
        # The same name at another address is another model.
        self._format_key = f"{self.model.name} {getattr(self.model, 'base_url', '')}".strip()
        self._ledger = ledger or Ledger()
        self._checkpoints = checkpoints
        self._roots = tuple(Path(root) for root in roots)
        self._prices = prices or PriceTable()
        self._price: object = _UNSETTLED
        self._temperature = temperature
        self._seed = seed

    async def run(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
    ) -> RunResult:
        """Do a task. ``history`` is an earlier result's ``messages``; ``deps`` reaches tools.

        Raises:
            ConfigurationError: nothing was spent.
            LeanAgentError: the run could not go on; ``result`` holds what was done until then.
        """
        await _load_runtime()
        from lean_agent.runtime.run import run_graph
        from lean_agent.runtime.state import start_state

        scope = await self._scope(task, budget, deps, _ignore, streaming=False)
        state = start_state(task, _known_mode(mode or self.mode), self._opening(history))
        return await run_graph(scope, state, checkpoints=self._checkpoints)

    def run_sync(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
    ) -> RunResult:
        """``run`` for programs without an event loop; also works where one is running."""

        async def once() -> RunResult:
            async with self:
                return await self.run(task, mode=mode, budget=budget, history=history, deps=deps)

        return _blocking(once())

    async def stream(
        self,
        task: str,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: Any = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[Event]:
        """Do a task and yield events; the last is RunFinished.

        Setting ``stop`` ends the run with what it has (exit_status "interrupted"). Closing the
        generator cancels it; what was spent is charged either way.

        Raises:
            ConfigurationError: nothing was spent.
            LeanAgentError: as ``run``.
        """
        await _load_runtime()
        from lean_agent.runtime.run import run_graph
        from lean_agent.runtime.state import start_state

        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        scope = await self._scope(task, budget, deps, queue.put_nowait, streaming=True)
        state = start_state(task, _known_mode(mode or self.mode), self._opening(history))
        yield RunStarted(scope.meter.run_id)
        run = asyncio.ensure_future(
            run_graph(scope, state, checkpoints=self._checkpoints, stop=stop)
        )
        run.add_done_callback(lambda _run: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            result = await run
            for notice in result.notices:
                yield Notice(notice)
            yield RunFinished(result)
        finally:
            if not run.done():
                run.cancel()
                await asyncio.wait({run})

    async def probe(self) -> ProbeReport:
        """Find out, anew, which action format the model can do, and remember it. Charged.

        Raises:
            ModelError: the model cannot be reached.
        """
        from lean_agent.models.probe import probe, remember
        from lean_agent.runtime.meter import Call

        scope = await self._scope("probe", None, None, _ignore, streaming=False)
        call = Call(purpose="probe", mode="agent", step=0, final=True)

        async def generate(request: ModelRequest) -> ModelResponse:
            return await scope.meter.call(request, call)

        report = await probe(generate)
        remember(self._format_key, report.action_format)
        return report

    async def aclose(self) -> None:
        """Close this event loop's connections and the ledger's segment.

        The agent can be used again afterwards.
        """
        await self.model.aclose()
        self._ledger.close()

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    def _opening(self, history: Sequence[Message]) -> list[Message]:
        from lean_agent.runtime.prompts import SYSTEM

        if history:
            return list(history)
        return [Message("system", f"{SYSTEM}\n{self._instructions}".strip())]

    async def _settle_price(self) -> Price | None:
        """Look once, in a thread: the first look into the price table imports it."""
        if self._price is _UNSETTLED:
            self._price = await asyncio.to_thread(self._prices.price_of, self.model)
        return cast("Price | None", self._price)

    async def _scope(
        self,
        task: str,
        budget: Budget | None,
        deps: Any,
        emit: Callable[[Event], None],
        *,
        streaming: bool,
    ) -> RunScope:
        """The live side of one run. Refuses what must not begin."""
        from lean_agent.runtime.meter import Meter
        from lean_agent.runtime.scope import RunScope

        _check_task(task)
        budget = budget or self._budget or Budget(steps=DEFAULT_STEPS)
        price = await self._settle_price()
        if budget.usd is not None and price is None and not self.model.card.self_hosted:
            raise ConfigurationError(
                f"a dollar cap cannot hold: the price of {self.model.name} is unknown",
                hint=f'add [models."{self.model.name}"] with input and output (USD per million '
                "tokens) to prices.toml, or cap tokens instead",
            )
        run_id = uuid.uuid4().hex
        meter = Meter(
            model=self.model,
            ledger=self._ledger,
            account=Account(budget, holdback=_held_back(budget, price)),
            price=price,
            run_id=run_id,
            emit=emit,
            final_seconds=_final_seconds(budget),
        )
        return RunScope(
            meter=meter,
            gate=RuleGate(),
            tools=self.tools,
            action_format=self.model.card.action_format,
            format_key=self._format_key,
            context=RunContext(
                run_id=run_id,
                roots=self._roots,
                deps=deps,
                log=lambda line: emit(Notice(line)),
            ),
            emit=emit,
            streaming=streaming,
            temperature=self._temperature,
            seed=self._seed,
        )


async def _load_runtime() -> None:
    """Import the graph's library, which takes seconds on a cold disk, off the event loop."""
    if "lean_agent.runtime.run" not in sys.modules:
        await asyncio.to_thread(import_module, "lean_agent.runtime.run")


def _by_name(tools: Sequence[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    for given in tools:
        made = given if isinstance(given, Tool) else cast("Tool", as_tool(given))
        if made.spec.name in found or made.spec.name == "answer":
            raise ConfigurationError(
                f"two tools are called {made.spec.name!r}"
                if made.spec.name in found
                else "a tool may not be called 'answer': the agent loop uses that word",
                hint="rename one with @tool(name=...)",
            )
        found[made.spec.name] = made
    return found


def _known_mode(mode: Mode) -> Mode:
    if mode not in {"auto", "instant", "reason", "agent"}:
        raise ConfigurationError(
            f"there is no mode {mode!r}", hint="choose auto, instant, reason or agent"
        )
    return mode


def _check_task(task: str) -> None:
    if not task.strip():
        raise ConfigurationError("the question is empty", hint="say what is to be done")
    if len(task) > _MAX_TASK_CHARS:
        raise ConfigurationError(
            f"the question has {len(task):,} characters, more than {_MAX_TASK_CHARS:,}",
            hint="put long text into a file and offer read_file or search",
        )


def _held_back(budget: Budget, price: Price | None) -> Amount:
    """The slice of each cap that only the final answer may use: a quarter, or what it needs."""
    usd = Decimal(0)
    if budget.usd is not None and price is not None:
        usd = budget.usd / _FINAL_SHARE
        if not price.usd_per_hour:
            usd = min(usd, price.worst_case(_FINAL_PROMPT_TOKENS, _FINAL_OUTPUT_TOKENS, 0.0))
    return Amount(
        usd=usd,
        tokens=min(budget.tokens // _FINAL_SHARE, _FINAL_TOKENS) if budget.tokens else 0,
        steps=1 if budget.steps else 0,
    )


def _final_seconds(budget: Budget) -> float:
    return min(budget.seconds / _FINAL_SHARE, _FINAL_SECONDS) if budget.seconds else 0.0


def _blocking(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end: here, or in a thread of its own where this one has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[_Result] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=target, name="lean-agent-run-sync")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
