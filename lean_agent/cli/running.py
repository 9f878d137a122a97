"""One run, from the question to an outcome, whatever happens in between."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lean_agent._semconv import Mode
from lean_agent.cli.failures import EXIT_INTERRUPTED, EXIT_LIMIT, Failure, describe
from lean_agent.errors import LeanAgentError
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    RunFinished,
    RunStarted,
    StepStarted,
    Token,
    ToolStarted,
)
from lean_agent.messages import Message
from lean_agent.result import ExitStatus, RunResult
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.agent import Agent
    from lean_agent.cli.view import View

__all__ = ["Outcome", "follow"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: always a result, if only a partial one, and a failure if it failed.

    ``terminated`` says that the process was asked to end, not only this run.
    """

    result: RunResult
    failure: Failure | None = None
    terminated: bool = False

    @property
    def exit_code(self) -> int:
        if self.failure is not None:
            return self.failure.exit_code
        codes: dict[ExitStatus, int] = {
            "completed": 0,
            "failed": 1,
            "limit_exceeded": EXIT_LIMIT,
            "interrupted": EXIT_INTERRUPTED,
        }
        return codes[self.result.exit_status]

    def to_dict(self) -> dict[str, Any]:
        """The one object of ``ask --json``."""
        data = self.result.to_dict()
        if self.failure is not None:
            data["error"] = self.failure.to_dict()
        return data


@dataclass(slots=True)
class Tally:
    """What the events of a run add up to, for a run that does not live to give its own result."""

    started: float = field(default_factory=time.monotonic)
    run_id: str = ""
    mode: Mode = "auto"
    steps: int = 0
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    answer: list[str] = field(default_factory=list[str])
    result: RunResult | None = None

    def note(self, event: Event) -> None:
        match event:
            case RunStarted(run_id):
                self.run_id = run_id
            case ModeChosen(mode):
                self.mode = mode
            case StepStarted(step):
                self.steps = step
                self.answer.clear()
            case ToolStarted():
                self.tool_calls += 1
                self.answer.clear()
            case Token(text, "answer"):
                self.answer.append(text)
            case CostUpdated(usage):
                self.usage = usage
            case RunFinished(result):
                self.result = result
            case _:
                pass

    def partial(self, status: ExitStatus) -> RunResult:
        return RunResult(
            output="".join(self.answer),
            messages=(),
            usage=self.usage,
            mode=self.mode,
            exit_status=status,
            steps=self.steps,
            tool_calls=self.tool_calls,
            seconds=time.monotonic() - self.started,
            run_id=self.run_id,
        )


async def follow(
    agent: Agent,
    task: str,
    view: View,
    *,
    mode: Mode | None = None,
    history: Sequence[Message] = (),
) -> Outcome:
    """Run one task and show it. Ctrl-C ends the run, not the process: the work so far is kept."""
    tally = Tally()
    watch = _Interruptible()

    async def consume() -> None:
        async with aclosing(agent.stream(task, mode=mode, history=history)) as events:
            async for event in events:
                tally.note(event)
                view.show(event)

    try:
        await watch.run(consume())
    except asyncio.CancelledError:
        ended = watch.received not in (None, signal.SIGINT)
        interrupted = describe(KeyboardInterrupt())
        return Outcome(tally.partial("interrupted"), interrupted, terminated=ended)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  every failure is told, with what was paid for
        result = error.result if isinstance(error, LeanAgentError) else None
        return Outcome(result or _failed(tally, error), describe(error))
    finally:
        view.pause()
    if tally.result is None:
        ended = RuntimeError("the run ended without a result")
        return Outcome(tally.partial("failed"), describe(ended))
    if tally.result.exit_status == "failed":
        reason = "; ".join(tally.result.notices) or "no usable answer"
        return Outcome(tally.result, Failure("run_failed", f"the run failed: {reason}", "", 1))
    return Outcome(tally.result)


def _failed(tally: Tally, error: Exception) -> RunResult:
    if isinstance(error, LeanAgentError) and error.usage is not None and not tally.usage.cost:
        tally.usage = error.usage
    return tally.partial("failed")


class _Interruptible:
    """Runs one coroutine that a signal may cancel; a second signal ends the process.

    ``received`` holds the first signal's number, for a session that goes on after Ctrl-C but not
    after SIGTERM or a closed terminal. Signals that the caller had ignored (nohup) stay ignored.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(work)
        earlier = {number: signal.getsignal(number) for number in _SIGNALS}
        taken = [number for number in _SIGNALS if earlier[number] not in (None, signal.SIG_IGN)]

        def interrupt(number: int) -> None:
            if self.received is None:
                self.received = number
                task.cancel()
            else:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                signal.raise_signal(signal.SIGINT)

        for number in taken:
            loop.add_signal_handler(number, interrupt, number)
        try:
            await task
        finally:
            for number in taken:
                loop.remove_signal_handler(number)
                signal.signal(number, earlier[number])
