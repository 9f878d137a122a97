"""Work in a thread that a cancelled caller must still wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lean_agent._threads import start_in_daemon_thread

__all__ = ["to_its_end"]


async def to_its_end(work: Callable[[], None]) -> None:
    """Also when cancelled: what the caller closes next (a lock, a file) is in use until then."""
    future = start_in_daemon_thread(work)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        raise
