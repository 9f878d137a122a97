"""One run of the graph, from a start state to a RunResult, whole or partial."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from langgraph.types import Command
from langsmith.run_helpers import (
    tracing_context,  # pyright: ignore[reportUnknownVariableType] - its client argument
)
from langsmith.utils import (
    tracing_is_enabled,  # pyright: ignore[reportUnknownVariableType] - its context argument
)

from lean_agent.errors import LeanAgentError, OutputParseError
from lean_agent.messages import Message
from lean_agent.result import ExitStatus, RunResult, TrajectoryStep
from lean_agent.runtime.graph import by_mode, compiled
from lean_agent.runtime.resuming import past_the_limit
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from lean_agent.runtime.checkpoints import Checkpoints

__all__ = ["run_graph"]

_SHOWN_CHARS = 200
_RECURSION_LIMIT = 1_000_000  # steps are bounded by the budget, which ends a run with an answer


def _result(state: RunState, scope: RunScope, status: ExitStatus) -> RunResult[Any]:
    meter = scope.meter
    output = state["output"]
    if not output and status == "interrupted":
        output = meter.partial.strip()
    return RunResult(
        output=output,
        messages=tuple(Message.from_dict(message) for message in state["messages"]),
        context=messages_of(state),
        usage=meter.usage,
        saved=meter.saved,
        mode=state["mode"] or state["forced"],  # pyright: ignore[reportArgumentType] - JSON holds str
        mode_reason=state["mode_reason"],
        exit_status=status,
        limit=state["limit"] or None,
        limit_of=meter.limit_of(state["limit"]),
        resumable=scope.kept and status != "completed",
        # A step cut short is in no state yet, but it was taken and paid for.
        steps=max(state["steps"], meter.spending.account.spent.steps),
        tool_calls=state["tool_calls"],
        seconds=meter.seconds,
        run_id=meter.book.run_id,
        trajectory=tuple(TrajectoryStep(**step) for step in state["trajectory"]),
        notices=(*meter.take_notices(), *_doubts(state)),
        confidence=state.get("confidence"),
        decision=state.get("decision", {}),
    )


def _doubts(state: RunState) -> tuple[str, ...]:
    unknown = [step for step in state["trajectory"] if step.get("unknown")]
    told = [f"{_shown(step)} was cut off: it may have happened or not" for step in unknown]
    if state["problem"]:
        told.append(f"the answer may not do: {state['problem']}")
    return tuple(told)


def _shown(step: Mapping[str, Any]) -> str:
    written = json.dumps(step["arguments"], ensure_ascii=False, default=str)
    cut = f"{written[:_SHOWN_CHARS]}…" if len(written) > _SHOWN_CHARS else written
    return f"the call {step['tool']} {cut}"


async def _last_state(
    scope: RunScope,
    state: RunState,
    seen: list[RunState],
    *,
    saver: Checkpoints | None,
    resumed: bool,
) -> None:
    """Drive the graph; ``seen[0]`` is the newest state, whatever ends it."""
    await scope.disclosed.go_on(scope.action_format, state["messages"])
    if saver is not None:
        saver.kept = resumed
        scope.meter.journal.keep_in(saver)
    config: RunnableConfig = {
        "recursion_limit": _RECURSION_LIMIT,
        "configurable": {"thread_id": scope.meter.book.run_id},
    }
    graph = compiled(saver)
    if resumed and state["limit"]:
        on = Command(update=past_the_limit(state), goto=by_mode(state))
        await graph.aupdate_state(config, on, as_node="gate")
        if saver is not None:
            saver.refuse_stale()
    stream = graph.astream(  # pyright: ignore[reportUnknownMemberType]
        None if resumed else state,
        config,
        context=scope,
        stream_mode="values",
        # A node begins once the one before it is kept: what that has paid for is not lost.
        durability=None if saver is None else "sync",
    )
    complete = False
    with ExitStack() as stack:
        if tracing_is_enabled():
            # The environment asks langgraph's companion service for traces: prompts stay here.
            stack.enter_context(tracing_context(enabled=False))
        try:
            async for values in stream:
                seen[0] = cast("RunState", cast("Any", values))
            complete = _status(seen[0], scope) == "completed"
        finally:
            if saver is not None:
                await _settle_kept(saver, scope, complete=complete)


async def _settle_kept(saver: Checkpoints, scope: RunScope, *, complete: bool) -> None:
    """Tell what the disk did not take, and forget a run that is complete."""
    scope.kept = saver.kept
    notices: list[str] = []
    if saver.failure:
        earlier = saver.kept and not complete
        so = "can be resumed only from an earlier step" if earlier else "cannot be resumed"
        notices.append(f"this run {so}: {saver.failure}")
    if complete:
        notices += await saver.forget(scope.meter.book.run_id)
    scope.meter.notices += notices[:1]


def _status(last: RunState, scope: RunScope) -> ExitStatus:
    if last["limit"]:
        return "limit_exceeded"
    if scope.form is not None and scope.form.misfit(last["output"]):
        return "failed"
    return "completed" if last["output"] else "failed"


def _output(last: RunState, scope: RunScope) -> Any:
    """The answer, of the type that was asked for.

    Raises:
        OutputParseError: the run came to none.
    """
    if scope.form is None:
        return last["output"]
    try:
        return scope.form.read(last["output"])
    except OutputParseError as error:
        hint = "allow more output_repairs, or take a stronger model"
        if last["limit"]:
            hint = f"the {last['limit']} limit ended the run first: raise it"
        raise OutputParseError(error.message, hint=hint, usage=scope.meter.usage) from None


async def run_graph(
    scope: RunScope,
    state: RunState,
    *,
    saver: Checkpoints | None = None,
    resumed: bool = False,
    stop: asyncio.Event | None = None,
) -> RunResult[Any]:
    """Run to an answer; ``resumed`` says that ``state`` is the last checkpoint of an earlier part.

    Setting ``stop`` ends the run cleanly: what was spent is charged, and the result so far comes
    back with exit_status "interrupted".

    Raises:
        LeanAgentError: with ``result`` holding what was done and spent until then; OutputParseError
            where the run came to no answer of the form that was asked for.
    """
    seen = [state]
    status: ExitStatus = "failed"
    failure: str | None = None
    began = time.perf_counter()
    row = scope.meter.book.open_run(state["mode"] or state["forced"])  # pyright: ignore[reportArgumentType] - JSON holds str
    try:
        try:
            stopped = await _until(
                _last_state(scope, state, seen, saver=saver, resumed=resumed), stop
            )
        finally:
            await scope.prefetches.close()  # what they cost belongs to the result
        status = "interrupted" if stopped else _status(seen[0], scope)
        output = None if stopped else _output(seen[0], scope)
    except asyncio.CancelledError:
        status = "interrupted"
        raise
    except LeanAgentError as error:
        failure = error.code
        error.result = _result(seen[0], scope, status)
        raise
    except Exception as error:
        failure = "unknown"
        wrapped = LeanAgentError(f"unexpected {type(error).__name__}: {error}")
        wrapped.result = _result(seen[0], scope, "failed")
        raise wrapped from error
    finally:
        scope.meter.book.close(
            row,
            mode=seen[0]["mode"] or seen[0]["forced"],
            step=seen[0]["steps"],
            finish_reason=status,
            error_type=failure,
            seconds=time.perf_counter() - began,
        )
        await scope.meter.spending.close()
    result = _result(seen[0], scope, status)
    return result if stopped else replace(result, output=output)


async def _until(work: Coroutine[Any, Any, None], stop: asyncio.Event | None) -> bool:
    """Await ``work``; True if ``stop`` was set first, and the work cancelled."""
    running = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait()) if stop is not None else None
    try:
        if stopping is not None:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
                return True
        await running
        return False
    finally:
        for task in (running, stopping):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
