"""Searches in threads, as many at a time as there are cores.

A hundred at once in as many threads gain nothing, and the event loop stands still while the threads
start: for a third of a second over 100,000 passages.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from lean_agent._threads import in_daemon_thread

__all__ = ["in_turn"]

_Result = TypeVar("_Result")
_AT_A_TIME = max(2, os.cpu_count() or 1)
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def in_turn(work: Callable[[], _Result]) -> _Result:
    """As ``in_daemon_thread``, once it is this one's turn in its event loop."""
    loop = asyncio.get_running_loop()
    async with _turns.setdefault(loop, asyncio.Semaphore(_AT_A_TIME)):
        return await in_daemon_thread(work)
