"""One part of a run, from its opening to its result: awaited, or as a stream of events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lean_agent.events import Event, Notice, RunFinished, RunStarted
from lean_agent.result import RunResult
from lean_agent.runtime.opening import Part
from lean_agent.runtime.setup import Setup

if TYPE_CHECKING:
    from lean_agent.runtime.checkpoints import Checkpoints
    from lean_agent.runtime.scope import RunScope
    from lean_agent.runtime.state import RunState
    from lean_agent.trajectory.run_recording import RunRecording

__all__ = ["run_part", "stream_part"]


def _ignore(_event: Event) -> None:
    return None


async def run_part(setup: Setup, part: Part) -> RunResult[Any]:
    """What the part comes to.

    Raises:
        LeanAgentError: as ``Agent.run``.
    """
    await _load_runtime()
    from lean_agent.runtime.run import run_graph

    recording = _recording(setup, part)
    listen = _listener(part, recording)
    async with _opened(setup, part, listen, streaming=False) as (scope, state, saver):
        run = run_graph(scope, state, saver=saver, resumed=part.resumed)
        kept = _kept(setup, part, run, state["task"], recording)
        return await (kept if part.parent is None else part.parent.charged(kept, scope.meter))


def _listener(part: Part, recording: RunRecording | None) -> Callable[[Event], None]:
    """Who is told what happens in a run that nobody watches."""
    listeners = [recording.listen] if recording is not None else []
    if part.parent is not None:
        listeners.append(part.parent.listen)
    if not listeners:
        return _ignore

    def listen(event: Event) -> None:
        for each in listeners:
            each(event)

    return listen


async def stream_part(
    setup: Setup, part: Part, stop: asyncio.Event | None
) -> AsyncGenerator[Event]:
    """What happens, as ``Agent.stream`` yields it.

    Raises:
        LeanAgentError: as ``Agent.run``.
    """
    await _load_runtime()
    from lean_agent.runtime.run import run_graph

    queue: asyncio.Queue[Event | None] = asyncio.Queue()
    told: set[str] = set()
    recording = _recording(setup, part)

    def emit(event: Event) -> None:
        if recording is not None:
            recording.listen(event)
        if isinstance(event, Notice):
            told.add(event.message)
        queue.put_nowait(event)

    async with _opened(setup, part, emit, streaming=True) as (scope, state, saver):
        queue.put_nowait(RunStarted(part.run_id))
        result_of = run_graph(scope, state, saver=saver, resumed=part.resumed, stop=stop)
        result_of = _kept(setup, part, result_of, state["task"], recording)
        run = asyncio.ensure_future(result_of)
        run.add_done_callback(lambda _run: queue.put_nowait(None))
        try:
            await asyncio.sleep(0)  # a run that never began could not give back what it holds
            while (event := await queue.get()) is not None:
                yield event
            result = await run
            for notice in result.notices:
                if notice not in told:
                    yield Notice(notice)
            yield RunFinished(result)
        finally:
            if not run.done():
                run.cancel()
                await asyncio.wait({run})


@asynccontextmanager
async def _opened(
    setup: Setup, part: Part, emit: Callable[[Event], None], *, streaming: bool
) -> AsyncGenerator[tuple[RunScope, RunState, Checkpoints | None]]:
    """The part's live side, its state and where it is kept, with the run in nobody else's hands."""
    async with AsyncExitStack() as stack:
        saver: Checkpoints | None = None
        told: list[str] = []
        if setup.checkpoints is not None:
            from lean_agent.runtime.checkpoints import kept_by_one

            kept = kept_by_one(setup.checkpoints, part.run_id, resumed=part.resumed)
            saver, told = await stack.enter_async_context(kept)
        scope, state = await setup.open(part, emit, streaming=streaming, saver=saver)
        scope.meter.notices += told
        yield scope, state, saver


async def _kept(
    setup: Setup,
    part: Part,
    run: Awaitable[RunResult[Any]],
    task: str,
    recording: RunRecording | None,
) -> RunResult[Any]:
    """What the run gives, after it was remembered and written down where that was asked for."""
    if setup.memory is not None:
        run = setup.memory.watch(run, task)
    if recording is not None:
        run = recording.watch(run, task, part.task_id)
    if setup.hooks:
        from lean_agent.runtime.hooking import RunHooks

        run = RunHooks(setup.hooks).end(run)
    return await run


def _recording(setup: Setup, part: Part) -> RunRecording | None:
    """What writes a run down, if that was asked for."""
    if setup.record is False:
        return None
    from lean_agent.trajectory.recording import Recorder
    from lean_agent.trajectory.run_recording import RunRecording

    recorder = Recorder.of_user() if setup.record is True else setup.record
    return RunRecording(recorder, setup.model.name, resumed=part.resumed)


async def _load_runtime() -> None:
    """Import the graph's library, which takes seconds on a cold disk, off the event loop."""
    if "lean_agent.runtime.run" not in sys.modules:
        await asyncio.to_thread(import_module, "lean_agent.runtime.run")
