"""The way to a server at an address, with an end to what it may send at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from mcp.client.streamable_http import streamable_http_client

from lean_agent_tools.mcp.stdio import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

__all__ = ["http_streams"]

_CONNECT_SECONDS = 30.0


@asynccontextmanager
async def http_streams(url: str, headers: Mapping[str, str]) -> AsyncGenerator[TransportStreams]:
    """The server's messages, and a way to send it some; a redirect to elsewhere is not followed."""
    client = httpx2.AsyncClient(
        headers={**headers, "Accept-Encoding": "identity"},
        # How long a call may take is for the session to say.
        timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),
        event_hooks={"response": [_bounded]},
    )
    async with (
        client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES
        ) as streams,
    ):
        yield streams


async def _bounded(response: httpx2.Response) -> None:
    """Of a stream of events each is bounded by the SDK; any other body is bounded here."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        # What is small on the wire could be much to hold.
        raise httpx2.DecodingError("it answers compressed, which was not asked for")
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: object) -> None:
        self._stream: httpx2.AsyncByteStream = stream  # pyright: ignore[reportAttributeAccessIssue]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        room = MAX_MESSAGE_BYTES
        async for piece in self._stream:
            room -= len(piece)
            if room < 0:
                raise httpx2.StreamError(f"it is over {MAX_MESSAGE_BYTES // 1024**2} MB")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
