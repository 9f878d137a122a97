"""One AsyncOpenAI for each event loop that asks: its connections belong to the loop they grew on.

``run_sync`` twice is two loops. A loop's client is closed by ``aclose`` or, where nobody calls
that, when the loop shuts down: asyncio closes every async generator that was begun and not ended,
and one such generator holds the client.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lean_agent._redact import keep_secret
from lean_agent.models.endless import bound_body

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["LoopClients"]

_KEEP_ALIVE_SECONDS = 2.0
_IDLE_CONNECTIONS = 20


def _is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _certificates(base_url: str) -> ssl.SSLContext:
    """Whom to trust: for a plain http server nobody, which spares loading the authorities."""
    if urlsplit(base_url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _authorities()


@cache
def _authorities() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()  # some 80 ms, shared by the clients of all loops


@dataclass(slots=True)
class _Entry:
    """``calls`` are under way; ``is_left`` once no more are to come."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    client: AsyncOpenAI | None = None
    keeper: AsyncGenerator[None] | None = None
    calls: int = 0
    is_left: bool = False

    async def close_if_done(self) -> None:
        if self.is_left and not self.calls and self.keeper is not None:
            await self.keeper.aclose()


async def _close_when_ended(client: AsyncOpenAI) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await client.close()


class LoopClients:
    """Clients of one server. ``organization`` headers go to OpenAI only."""

    def __init__(self, *, base_url: str, api_key: str, openai_account: bool) -> None:
        keep_secret(api_key)
        self._base_url = base_url
        self._api_key = api_key
        self._openai_account = openai_account
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}
        self._guard = threading.Lock()

    @asynccontextmanager
    async def using(self) -> AsyncGenerator[AsyncOpenAI]:
        """The running loop's client, for one call."""
        entry = self._entry()
        entry.calls += 1
        try:
            yield entry.client or await self._opened(entry)
        finally:
            entry.calls -= 1
            await entry.close_if_done()

    async def aclose(self) -> None:
        """Close the running loop's client, after the calls that others have under way; the next
        call opens another.
        """
        with self._guard:
            entry = self._entries.pop(asyncio.get_running_loop(), None)
        if entry is not None:
            entry.is_left = True
            await entry.close_if_done()

    def _entry(self) -> _Entry:
        loop = asyncio.get_running_loop()
        if (entry := self._entries.get(loop)) is not None:
            return entry
        with self._guard:
            for other in [other for other in self._entries if other.is_closed()]:
                del self._entries[other]
            return self._entries.setdefault(loop, _Entry())

    async def _opened(self, entry: _Entry) -> AsyncOpenAI:
        async with entry.lock:
            if entry.client is None:
                # The import and the certificate store take up to a second, off the loop.
                client = await asyncio.to_thread(self._make)
                entry.keeper = _close_when_ended(client)
                await anext(entry.keeper)
                entry.client = client
            return entry.client

    def _make(self) -> AsyncOpenAI:
        import httpx2
        import openai

        # llama.cpp's server closes a connection after 5 idle seconds, httpx2's own default too: a
        # request sent in that very moment is lost, so connections are dropped well before.
        # Few idle ones: for each request the pool looks at every connection that it has.
        limits = httpx2.Limits(
            max_connections=1_000,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
        )
        # A proxy named in the environment is not meant for a server on this machine.
        http = openai.DefaultAsyncHttpxClient(
            verify=_certificates(self._base_url),
            trust_env=not _is_loopback(self._base_url),
            limits=limits,
            event_hooks={"response": [bound_body]},
        )
        client = openai.AsyncOpenAI(
            api_key=self._api_key, base_url=self._base_url, max_retries=0, http_client=http
        )
        if not self._openai_account:
            client.organization = client.project = None
        return client
