"""What an agent's run did, as a trajectory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

from lean_agent.errors import LeanAgentError
from lean_agent.events import CostUpdated, Event, StepStarted
from lean_agent.messages import Message
from lean_agent.result import RunResult
from lean_agent.trajectory.record import Source, Trajectory, Usage
from lean_agent.trajectory.recording import Recorder
from lean_agent.trajectory.run_steps import run_steps
from lean_agent.usage import Usage as Billed

__all__ = ["RunRecording"]


@dataclass(slots=True)
class _StepUsages:
    """What each step of a run took, gathered from its events. A step begins anew where an answer
    was only a draft.
    """

    steps: list[Billed] = field(default_factory=list[Billed])
    _step: int = 0
    _so_far: Billed = field(default_factory=Billed)

    def listen(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, StepStarted):
            if event.step != self._step:
                self.steps.append(Billed())
            self._step = event.step
        elif isinstance(event, CostUpdated):
            if self.steps:
                self.steps[-1] += _difference(event.usage, self._so_far)
            self._so_far = event.usage


@dataclass(slots=True)
class RunRecording:
    """Follows one run of a model and has it written down when it ends.

    One that was ``resumed`` stands for its earlier parts: it takes the place of what was written
    down of them.
    """

    recorder: Recorder
    model: str
    resumed: bool = False
    _usages: _StepUsages = field(default_factory=_StepUsages)

    def listen(self, event: Event) -> None:
        """Take note of an event of the run."""
        self._usages.listen(event)

    async def watch(self, run: Awaitable[RunResult], task: str, task_id: str | None) -> RunResult:
        """What the run gives, after it was written down. One that fails is, too.

        A disk that refuses it ends no run: the result says so in its notices.
        """
        try:
            result = await run
        except LeanAgentError as error:
            if error.result is not None:
                error.result = await self._written(error.result, task, task_id)
            raise
        return await self._written(result, task, task_id)

    async def _written(self, result: RunResult, task: str, task_id: str | None) -> RunResult:
        try:
            found = _recorded(task, result, self._usages.steps, self.model, task_id)
            if self.resumed:
                await asyncio.to_thread(self.recorder.forget, {found.id})
            await asyncio.to_thread(self.recorder.record, found)
        except (OSError, ValueError, LeanAgentError) as error:
            notice = f"this run was not recorded: {error}"
            return replace(result, notices=(*result.notices, notice))
        return result


def _recorded(
    task: str, result: RunResult, usages: list[Billed], model: str, task_id: str | None
) -> Trajectory:
    """What a run did. Nobody has judged it."""
    messages = _of_this_run(task, result.messages)
    return Trajectory(
        id=result.run_id,
        task_id=task_id or task,
        question=task,
        instructions="\n\n".join(m.content for m in result.messages if m.role == "system"),
        steps=run_steps(messages, result.trajectory, [_usage(step) for step in usages]),
        output=result.text,
        ending=result.exit_status,
        usage=_usage(result.usage, result.seconds),
        source=Source(format="run", model=model, arm=result.mode, recorded=time.time()),
    )


def _of_this_run(task: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Without the turns of a conversation that went before."""
    after_examples = f"\n\nQuestion: {task}"
    asked = [
        number
        for number, message in enumerate(messages)
        if message.role == "user"
        and (message.content == task or message.content.endswith(after_examples))
    ]
    return messages[asked[-1] :] if asked else messages


def _usage(billed: Billed, seconds: float | None = None) -> Usage:
    return Usage(
        input_tokens=billed.input_tokens,
        output_tokens=billed.output_tokens,
        cost=billed.cost,
        seconds=seconds,
        estimated="estimated" in billed.provenance,
    )


def _difference(now: Billed, before: Billed) -> Billed:
    cost = None
    if now.cost is not None and before.cost is not None:
        cost = now.cost - before.cost
    return Billed(
        input_tokens=now.input_tokens - before.input_tokens,
        output_tokens=now.output_tokens - before.output_tokens,
        cost=cost,
        provenance=now.provenance,
    )
