"""One attempt of a baseline: its model calls and tool calls, charged and kept as ours are."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from lean_agent import (
    LeanAgentError,
    LimitExceededError,
    Message,
    ModelRequest,
    ModelResponse,
    RunContext,
    RunResult,
    Tool,
    ToolCall,
)
from lean_agent.agent import DEFAULT_STEPS
from lean_agent.events import Event
from lean_agent.ledger.budget import Amount
from lean_agent.result import ExitStatus, TrajectoryStep
from lean_agent.runtime.journal import Journal
from lean_agent.runtime.meter import Call, Meter
from lean_agent.runtime.nesting import ParentRun
from lean_agent.runtime.observing import observe
from lean_agent.runtime.opening import Part, embedding_of, open_meter, run_context
from lean_agent.runtime.routes import route_to
from lean_agent.runtime.state import start_state
from lean_agent_evals.arms import Means

__all__ = ["MeteredRun", "attempted"]


@dataclass(slots=True, kw_only=True)
class MeteredRun:
    """What a baseline may do: ask the model, and call tools.

    ``how`` says who drives it. ``steps`` is how many model calls it may make. ``failure`` is what
    the first failed model call raised: nothing more is asked after it, whatever a framework tries.
    ``cut_by`` is the limit that shortened the newest answer.
    """

    meter: Meter
    tools: dict[str, Tool]
    context: RunContext
    temperature: float
    seed: int
    steps: int
    how: str
    messages: tuple[Message, ...] = ()
    trajectory: list[TrajectoryStep] = field(default_factory=list[TrajectoryStep])
    tool_calls: int = 0
    limit: str = ""
    cut_by: str = ""
    failure: LeanAgentError | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _in_line: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def steps_taken(self) -> int:
        return self.meter.spending.account.spent.steps

    async def ask(self, request: ModelRequest) -> ModelResponse:
        """One step: a model call at the run's own temperature and seed.

        A baseline has no final answer of its own kind, so each call may use the whole budget.

        Raises:
            LeanAgentError: ``failure``.
        """
        async with self._asking:
            if self.failure is not None:
                raise self.failure
            request = replace(request, temperature=self.temperature, seed=self.seed)
            call = Call(purpose="act", mode="agent", step=self.steps_taken + 1, final=True)
            try:
                response = await self.meter.call(request, call)
            except LeanAgentError as error:
                self.failure = error
                raise
            except Exception as error:
                self.failure = LeanAgentError(f"unexpected {type(error).__name__}: {error}")
                raise self.failure from error
            self.messages = (*request.messages, response.message)
            self.cut_by = response.cut_by
            return response

    async def use(self, call: ToolCall) -> str:
        """Call a tool that there is; what the model is to be shown of it."""
        tool = self.tools[call.name]
        if tool.spec.concurrency_safe:
            return await self._use(call, tool)
        async with self._in_line:
            return await self._use(call, tool)

    async def _use(self, call: ToolCall, tool: Tool) -> str:
        step, started = self.steps_taken, time.perf_counter()
        try:
            with self.meter.spending.account.reserve(Amount(tool_calls=1)) as reservation:
                reservation.settle(Amount(tool_calls=1))
        except LimitExceededError as error:
            self.limit = error.limit_type
            observation, is_error, outcome = f"Refused: {error.message}", True, "refused"
        else:
            outcome = "done"
            self.tool_calls += 1
            try:
                observation, is_error = await observe(call, tool, self.meter, self.context)
            except BaseException:
                seconds = time.perf_counter() - started
                self.meter.book.tool(call.name, step, seconds, "cancelled")
                raise
        seconds = time.perf_counter() - started
        self.meter.book.tool(call.name, step, seconds, outcome, is_error=is_error)
        self.trajectory.append(
            TrajectoryStep(
                step=step,
                tool=call.name,
                arguments=dict(call.arguments),
                observation=observation,
                is_error=is_error,
                seconds=round(seconds, 4),
            )
        )
        return observation

    def result(self, output: str, status: ExitStatus) -> RunResult:
        return RunResult(
            output=output,
            messages=self.messages,
            usage=self.meter.usage,
            saved=self.meter.saved,
            mode="agent",
            mode_reason=self.how,
            exit_status=status,
            limit=self.limit or None,
            limit_of=self.meter.limit_of(self.limit),
            steps=self.steps_taken,
            tool_calls=self.tool_calls,
            seconds=self.meter.seconds,
            run_id=self.context.run_id,
            trajectory=tuple(self.trajectory),
            notices=tuple(self.meter.take_notices()),
        )


async def attempted(
    question: str, means: Means, how: str, work: Callable[[MeteredRun], Awaitable[str]]
) -> RunResult:
    """Let ``work`` find an answer; what it did and spent, whole or cut short by a limit.

    Raises:
        ConfigurationError: nothing was spent, and no other attempt can go better.
        LeanAgentError: ``result`` holds what was done until then.
    """
    run = await _opened(question, means, how)
    book = run.meter.book
    began = time.perf_counter()
    row = book.open_run("agent")
    status: ExitStatus = "interrupted"
    failure: str | None = None
    output = ""
    try:
        output = (await work(run)).strip()
        run.limit = run.limit or run.cut_by
        status = "limit_exceeded" if run.limit else "completed" if output else "failed"
    except LimitExceededError as error:
        run.limit = error.limit_type
        status = "limit_exceeded"
    except LeanAgentError as error:
        status, failure = "failed", error.code
        error.result = run.result("", status)
        raise
    except Exception as error:
        status, failure = "failed", "unknown"
        wrapped = LeanAgentError(f"unexpected {type(error).__name__}: {error}")
        wrapped.result = run.result("", status)
        raise wrapped from error
    finally:
        book.close(
            row,
            step=run.steps_taken,
            finish_reason=status,
            error_type=failure,
            seconds=time.perf_counter() - began,
        )
        await run.meter.spending.close()
    return run.result(output, status)


def _ignore(_event: Event) -> None:
    return None


async def _opened(question: str, means: Means, how: str) -> MeteredRun:
    run_id = uuid.uuid4().hex
    steps = DEFAULT_STEPS if means.budget.steps is None else means.budget.steps
    state = start_state(question, "agent", [])
    part = Part(
        run_id=run_id,
        root_id=run_id,
        budget=replace(means.budget, steps=steps),
        deps=None,
        first_state=state,
        task_id=means.task_id,
    )
    price = await asyncio.to_thread(means.prices.price_of, means.model)
    meter = await open_meter(
        part,
        state,
        routes=[route_to(means.model, price, {})],
        ledger=means.ledger,
        account=means.account,
        cache=means.answers,
        journal=Journal(),
        emit=_ignore,
    )
    embedding = embedding_of(meter, means.prices)
    return MeteredRun(
        meter=meter,
        tools={tool.spec.name: tool for tool in means.tools},
        context=run_context(
            part,
            means.model,
            embedding,
            task=question,
            roots=means.roots,
            emit=_ignore,
            as_parent=ParentRun(meter=meter),
        ),
        temperature=means.temperature,
        seed=means.seed,
        steps=steps,
        how=how,
    )
