"""One run of the graph, from a start state to a RunResult, whole or partial."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langsmith.run_helpers import (
    tracing_context,  # pyright: ignore[reportUnknownVariableType] - its client argument
)
from langsmith.utils import (
    tracing_is_enabled,  # pyright: ignore[reportUnknownVariableType] - its context argument
)

from lean_agent.errors import LeanAgentError
from lean_agent.result import ExitStatus, RunResult, TrajectoryStep
from lean_agent.runtime.graph import compiled
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState, messages_of

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["run_graph"]

_RECURSION_LIMIT = 1_000_000  # steps are bounded by the budget, which ends a run with an answer


def _result(state: RunState, scope: RunScope, started: float, status: ExitStatus) -> RunResult:
    output = state["output"]
    if not output and status == "interrupted":
        output = scope.meter.partial.strip()
    return RunResult(
        output=output,
        messages=messages_of(state),
        usage=scope.meter.usage,
        mode=state["mode"] or state["forced"],  # pyright: ignore[reportArgumentType] - JSON holds str
        mode_reason=state["mode_reason"],
        exit_status=status,
        limit=state["limit"] or None,
        # A step cut short is in no state yet, but it was taken and paid for.
        steps=max(state["steps"], scope.meter.account.spent.steps),
        tool_calls=state["tool_calls"],
        seconds=time.perf_counter() - started,
        run_id=scope.meter.run_id,
        trajectory=tuple(TrajectoryStep(**step) for step in state["trajectory"]),
        notices=(*scope.meter.ledger.take_notices(), *_doubts(state)),
    )


def _doubts(state: RunState) -> tuple[str, ...]:
    return (f"the answer may not do: {state['problem']}",) if state["problem"] else ()


async def _last_state(
    scope: RunScope, state: RunState, checkpoints: Path | None, seen: list[RunState]
) -> None:
    """Drive the graph; ``seen[-1]`` is the newest state, whatever ends it."""
    async with AsyncExitStack() as stack:
        saver = None
        if checkpoints is not None:
            from lean_agent.runtime.checkpoints import open_checkpoints

            saver = await stack.enter_async_context(open_checkpoints(checkpoints))
        config: RunnableConfig = {
            "recursion_limit": _RECURSION_LIMIT,
            "configurable": {"thread_id": scope.meter.run_id},
        }
        graph = compiled(saver)
        stream = graph.astream(  # pyright: ignore[reportUnknownMemberType]
            state, config, context=scope, stream_mode="values"
        )
        if tracing_is_enabled():
            # The environment asks langgraph's companion service for traces: prompts stay here.
            stack.enter_context(tracing_context(enabled=False))
        async for values in stream:
            seen[0] = cast("RunState", cast("Any", values))


async def run_graph(
    scope: RunScope,
    state: RunState,
    *,
    checkpoints: Path | None = None,
    stop: asyncio.Event | None = None,
) -> RunResult:
    """Run to an answer.

    Setting ``stop`` ends the run cleanly: what was spent is charged, and the result so far comes
    back with exit_status "interrupted".

    Raises:
        LeanAgentError: with ``result`` holding what was done and spent until then.
    """
    started = time.perf_counter()
    seen = [state]
    work = asyncio.ensure_future(_last_state(scope, state, checkpoints, seen))
    stopping = asyncio.ensure_future(stop.wait()) if stop is not None else None
    try:
        if stopping is not None:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
                return _result(seen[0], scope, started, "interrupted")
        await work
    except LeanAgentError as error:
        error.result = _result(seen[0], scope, started, "failed")
        raise
    except Exception as error:
        wrapped = LeanAgentError(f"unexpected {type(error).__name__}: {error}")
        wrapped.result = _result(seen[0], scope, started, "failed")
        raise wrapped from error
    finally:
        for task in (work, stopping):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
    last = seen[0]
    if last["limit"]:
        return _result(last, scope, started, "limit_exceeded")
    return _result(last, scope, started, "completed" if last["output"] else "failed")
