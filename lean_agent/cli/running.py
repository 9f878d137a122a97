"""One run, from the question to an outcome, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lean_agent._semconv import Mode
from lean_agent.cli.failures import EXIT_INTERRUPTED, EXIT_LIMIT, Failure, describe
from lean_agent.cli.signals import Interruptions
from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line
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
from lean_agent.result import ExitStatus, RunResult
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.agent import Agent
    from lean_agent.cli.view import View

__all__ = ["Outcome", "follow", "opened"]


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
            resumable=bool(self.run_id),  # if it was kept at all
        )


@asynccontextmanager
async def opened(agent: Agent) -> AsyncGenerator[Agent]:
    """The agent for as long as it is needed, its documents read before anything is paid for.

    Raises:
        ConfigurationError: there is nothing to read in the folder.
    """
    async with agent:
        for tool in agent.tools.values():
            open_documents = getattr(tool, "open", None)
            if open_documents is not None:
                _tell_skipped(await open_documents())
        yield agent
    for notice in agent.take_notices():
        say(one_line(f"note: {notice}"))


def _tell_skipped(corpus: Any) -> None:
    skipped = [file for file in getattr(corpus, "skipped", ()) if file.reason != "hidden"]
    if skipped:
        first = f"{skipped[0].path} ({skipped[0].reason})"
        more = f" and {len(skipped) - 1} more" if skipped[1:] else ""
        say(one_line(f"note: not searched: {first}{more}"))


async def follow(
    start: Callable[[asyncio.Event], AsyncGenerator[Event]],
    view: View,
    *,
    began: Callable[[str], None] | None = None,
) -> Outcome:
    """Show one run; ``start`` begins it and is given what stops it, ``began`` learns its id.

    Ctrl-C ends the run with what it has, not the process: what was spent is charged and told.
    """
    tally = Tally()
    signals = Interruptions()

    async def consume() -> None:
        async with aclosing(start(signals.stop)) as events:
            async for event in events:
                if began is not None and isinstance(event, RunStarted):
                    view.pause()  # it may have something to tell
                    began(event.run_id)
                tally.note(event)
                view.show(event)

    failure: Failure | None = None
    result: RunResult | None = None
    view.start()
    try:
        await signals.watch(consume())
    except asyncio.CancelledError:
        this = asyncio.current_task()
        if this is not None and this.cancelling():
            raise  # the whole process ends, not only this run
        result = tally.partial("interrupted")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - every failure is told, with what was paid for
        failure = describe(error)
        result = error.result if isinstance(error, LeanAgentError) else None
        result = result or tally.partial("failed")
    finally:
        view.pause()
    result = result or tally.result or tally.partial("failed")
    if result.exit_status == "interrupted":
        failure = describe(KeyboardInterrupt())
    elif result.exit_status == "failed" and failure is None:
        reason = one_line("; ".join(result.notices)) or "there is no usable answer"
        failure = Failure("run_failed", f"the run failed: {reason}", "", 1)
    return Outcome(result, failure, terminated=signals.terminated)
