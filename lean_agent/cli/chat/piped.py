"""Questions that come through a pipe."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

__all__ = ["piped_lines"]


async def piped_lines() -> AsyncIterator[bytes]:
    """Lines of standard input, as they come.

    Read by a daemon thread from the descriptor: a pipe that stays silent must hold up neither the
    loop nor the end of the process, and regular files cannot be polled.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = os.read(0, 65_536)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the session is over and its loop closed
                return

    threading.Thread(target=read, name="lean-agent-stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
