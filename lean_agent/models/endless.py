"""Answers without an end: what a server sends is read up to a size that no honest answer has.

It is counted as it is read, unpacked, so that a small body that unpacks to a huge one counts too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

__all__ = ["bound_body"]

_MAX_PIECE_BYTES = 32 * 2**20
_MAX_STREAM_BYTES = 256 * 2**20
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST_END = 4


async def bound_body(response: httpx2.Response) -> None:
    """A hook of the HTTP client, before a body is read.

    A body, or one event of a stream of events, may have 32 MiB, and such a stream 256 MiB; more
    breaks the connection off.
    """
    # Whatever reads the body calls this, the client's own ``aread`` too.
    response.aiter_bytes = partial(_bounded, response, response.aiter_bytes)


async def _bounded(
    response: httpx2.Response,
    read: Callable[[int | None], AsyncGenerator[bytes]],
    chunk_size: int | None = None,
) -> AsyncGenerator[bytes]:
    import httpx2

    streamed = response.headers.get("content-type", "").startswith("text/event-stream")
    total = piece = 0
    before = b""
    async with aclosing(read(chunk_size)) as chunks:
        async for chunk in chunks:
            total += len(chunk)
            piece += len(chunk)
            if streamed:
                since = _after_last_end(before + chunk)
                piece = piece if since is None else since
                before = chunk[-_LONGEST_END + 1 :]
            if piece > _MAX_PIECE_BYTES or total > _MAX_STREAM_BYTES:
                raise httpx2.RemoteProtocolError(f"{total >> 20} MiB came without an end")
            yield chunk


def _after_last_end(data: bytes) -> int | None:
    """How many bytes follow the last end of an event; None where there is none."""
    ends = [place + len(end) for end in _EVENT_ENDS if (place := data.rfind(end)) >= 0]
    return len(data) - max(ends) if ends else None
