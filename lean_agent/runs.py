"""How an agent is run: awaited, to the end in a program without an event loop, or as a stream."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Self

from lean_agent._semconv import Mode
from lean_agent._threads import run_to_end
from lean_agent.arguments import (
    checked_budget,
    checked_deps,
    checked_history,
    known_mode,
    task_parts,
)
from lean_agent.errors import ConfigurationError
from lean_agent.events import Event
from lean_agent.ledger.budget import Budget
from lean_agent.messages import Message, Task
from lean_agent.result import OutputT, RunResult
from lean_agent.runtime.opening import Part
from lean_agent.runtime.parts import run_part, stream_part
from lean_agent.runtime.prompts import SYSTEM
from lean_agent.runtime.setup import Setup
from lean_agent.runtime.state import start_state

if TYPE_CHECKING:
    from lean_agent.context import RunContext

__all__ = ["DEFAULT_STEPS", "Runs"]

DEFAULT_STEPS = 20
"""Steps a run may take where the caller sets no budget at all."""


class Runs(Generic[OutputT]):
    """Starts the runs of one agent, and goes on with them."""

    def __init__(
        self, setup: Setup, *, mode: Mode, budget: Budget | None, instructions: str
    ) -> None:
        self.mode: Mode = known_mode(mode)
        self._setup = setup
        self._budget = checked_budget(budget)
        self._instructions = instructions

    async def run(
        self,
        task: Task,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: object = None,
        session_id: str | None = None,
        task_id: str | None = None,
    ) -> RunResult[OutputT]:
        """Do a task: text, or a list of text and ``Image``, for a model that takes images.

        ``history`` is an earlier result's ``context``, or its ``messages``; ``deps`` reaches tools,
        as ``RunContext.deps``; ``session_id`` and ``task_id`` are the caller's own names, kept in
        the ledger.

        Raises:
            ConfigurationError: nothing was spent; also where ``deps`` is not what a tool asks for.
            LeanAgentError: the run could not go on; ``result`` holds what was done until then.
            OutputParseError: it came to no output of the type that was asked for.
        """
        part = self._first_part(task, mode, budget, history, deps, session_id, task_id)
        return await run_part(self._setup, part)

    def run_sync(
        self,
        task: Task,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: object = None,
        session_id: str | None = None,
        task_id: str | None = None,
    ) -> RunResult[OutputT]:
        """``run`` for programs without an event loop; also works where one is running."""
        part = self._first_part(task, mode, budget, history, deps, session_id, task_id)
        return self._run_sync(part)

    async def stream(
        self,
        task: Task,
        *,
        mode: Mode | None = None,
        budget: Budget | None = None,
        history: Sequence[Message] = (),
        deps: object = None,
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
        self, run_id: str, *, budget: Budget | None = None, deps: object = None
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
        self, run_id: str, *, budget: Budget | None = None, deps: object = None
    ) -> RunResult[OutputT]:
        """``resume`` for programs without an event loop; also works where one is running."""
        return self._run_sync(self._later_part(run_id, budget, deps))

    async def resume_stream(
        self,
        run_id: str,
        *,
        budget: Budget | None = None,
        deps: object = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[Event]:
        """``resume``, yielding events as ``stream`` does."""
        part = self._later_part(run_id, budget, deps)
        async with aclosing(stream_part(self._setup, part, stop)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Close this event loop's connections, those of its tools too, and the ledger's segment.

        The agent can be used again afterwards.
        """
        async with AsyncExitStack() as stack:  # what fails to close leaves nothing else open
            stack.callback(self._setup.ledger.close)
            for tool in self._setup.tools.values():
                if (close := getattr(tool, "aclose", None)) is not None:
                    stack.push_async_callback(close)
            for model in (self._setup.model, *self._setup.fallbacks):
                stack.push_async_callback(model.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    def _first_part(
        self,
        task: Task,
        mode: Mode | None,
        budget: Budget | None,
        history: Sequence[Message],
        deps: object,
        session_id: str | None,
        task_id: str | None,
    ) -> Part:
        checked_deps(deps, self._setup.tools.values())
        text, images = task_parts(task)
        run_id = uuid.uuid4().hex
        system = Message("system", f"{SYSTEM}\n{self._instructions}".strip())
        messages = checked_history(history) or [system]
        return Part(
            run_id=run_id,
            root_id=run_id,
            first_state=start_state(
                text,
                known_mode(mode or self.mode),
                messages,
                images=images,
                typed=self._setup.form is not None,
            ),
            budget=checked_budget(budget) or self._default_budget(),
            deps=deps,
            session_id=session_id,
            task_id=task_id,
        )

    def _nested_part(self, task: str, budget: Budget | None, ctx: RunContext) -> Part:
        """A run that a tool begins: for the run that ``ctx`` is of, where it is of one."""
        above = ctx.as_parent
        session_id, task_id = (None, None) if above is None else (above.session_id, above.task_id)
        part = self._first_part(task, None, budget, (), ctx.deps, session_id, task_id)
        if above is None:
            return part
        return replace(part, parent=above, budget=above.capped(part.budget))

    def _later_part(self, run_id: str, budget: Budget | None, deps: object) -> Part:
        checked_deps(deps, self._setup.tools.values())
        if self._setup.checkpoints is None:
            raise ConfigurationError(
                "nothing was kept to resume",
                hint="give Agent(checkpoints=PATH) before the run that may have to go on",
            )
        return Part(
            run_id=run_id,
            root_id=uuid.uuid4().hex,
            budget=checked_budget(budget) or self._default_budget(),
            deps=deps,
        )

    def _default_budget(self) -> Budget:
        return self._budget or Budget(steps=DEFAULT_STEPS)

    def _run_sync(self, part: Part) -> RunResult[OutputT]:
        async def once() -> RunResult[OutputT]:
            async with self:
                return await run_part(self._setup, part)

        return run_to_end(once())
