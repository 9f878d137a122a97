"""Blocking work off the event loop, in daemon threads that never hold up the interpreter's exit.

asyncio.to_thread will not do: its pool's threads are joined at exit, so one call that hangs (a
user's tool, a dead network drive) would keep the whole program alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["in_daemon_thread"]

_Result = TypeVar("_Result")


async def in_daemon_thread(work: Callable[[], _Result]) -> _Result:
    """Call ``work`` in a new thread, with the caller's context variables, and await its result.

    When the caller is cancelled the thread is abandoned: it runs on, and its result is dropped.
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

    threading.Thread(target=target, name="lean-agent-work", daemon=True).start()
    return await future
