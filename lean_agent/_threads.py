"""Between threads and the event loop.

Blocking work off the event loop runs in daemon threads that never hold up the interpreter's exit.

asyncio.to_thread will not do: its pool's threads are joined at exit, so one call that hangs (a
user's tool, a dead network drive) would keep the whole program alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, cast

__all__ = ["in_daemon_thread", "run_to_end", "start_in_daemon_thread", "to_its_end"]

_Result = TypeVar("_Result")


async def in_daemon_thread(work: Callable[[], _Result]) -> _Result:
    """Call ``work`` in another thread, with the caller's context variables, and await its result.

    When the caller is cancelled the thread is abandoned: it runs on, and its result is dropped.
    """
    return await start_in_daemon_thread(work)


def start_in_daemon_thread(work: Callable[[], _Result]) -> asyncio.Future[_Result]:
    """The same, for who waits in a way of their own.

    A future and no task: nobody cancels it when the loop ends.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(cast("_Result", result))
        elif isinstance(error, StopIteration):
            # A future refuses it: it would end the generator that awaits.
            future.set_exception(RuntimeError("StopIteration"))
        else:
            future.set_exception(error)

    def target() -> None:
        result, error = None, None
        try:
            result = context.run(work)
        except BaseException as raised:  # noqa: BLE001 - handed to the caller
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop was closed meanwhile, and its caller with it

    _start(target)
    return future


# Starting a thread makes the event loop wait until it runs: an idle one is handed work at once.
_IDLE_SECONDS: Final = 10.0
_Inbox = queue.SimpleQueue[Callable[[], None]]
_idle: list[_Inbox] = []
os.register_at_fork(after_in_child=_idle.clear)  # their threads are the parent's


def _start(target: Callable[[], None]) -> None:
    """In a thread that has nothing to do, or in a new one: however many hang, others go on."""
    try:
        inbox = _idle.pop()  # both this and append are atomic
    except IndexError:
        inbox = _Inbox()
        threading.Thread(
            target=_work_off, args=(inbox,), name="lean-agent-work", daemon=True
        ).start()
    inbox.put(target)


def _work_off(inbox: _Inbox) -> None:
    while True:
        try:
            inbox.get(timeout=_IDLE_SECONDS)()
        except queue.Empty:
            try:
                _idle.remove(inbox)
            except ValueError:
                continue  # it was just taken: work is on its way
            return
        _idle.append(inbox)


async def to_its_end(work: Awaitable[_Result]) -> _Result:
    """Await ``work``, which goes on however often the caller is cancelled meanwhile: what that
    closes next (a lock, a file) is in use until then.

    Raises:
        CancelledError: the caller was cancelled, and the work is over; the cause is how it failed.
    """
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from running.exception()
    return running.result()


def run_to_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end: here, or in a thread of its own where this one has a running loop.

    An interrupt, such as a notebook's, cancels the work there and is raised once that has ended.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[_Result] = []
    failure: list[BaseException] = []
    cancels: list[Callable[[], object]] = []

    async def cancellable() -> _Result:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is not None:
            cancels.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    def target() -> None:
        try:
            outcome.append(asyncio.run(cancellable()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=target, name="lean-agent-run-sync")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for cancel in cancels:
            cancel()
        thread.join()
        raise
    if failure:
        raise failure[0]
    return outcome[0]
