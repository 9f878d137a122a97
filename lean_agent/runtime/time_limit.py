"""A time limit by the clock of a run, which stands still while a person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lean_agent.ledger.account import Account

__all__ = ["time_limit"]

_LOOK_SECONDS = 0.05
_CLOSE_SECONDS = 0.001  # clocks differ, and none is that precise


@asynccontextmanager
async def time_limit(seconds: float, account: Account) -> AsyncGenerator[asyncio.Timeout]:
    """``asyncio.timeout``, but that a pause of the account puts it off: a sub-agent may ask."""
    loop = asyncio.get_running_loop()
    end = account.elapsed + seconds
    async with asyncio.timeout(None) as limit:

        def look() -> None:
            nonlocal timer
            left = end - account.elapsed
            if left > _CLOSE_SECONDS:
                # While the clock stands still what is left may be next to nothing.
                timer = loop.call_later(max(left, _LOOK_SECONDS), look)
            else:
                limit.reschedule(loop.time())

        timer = loop.call_later(seconds, look)
        try:
            yield limit
        finally:
            timer.cancel()
