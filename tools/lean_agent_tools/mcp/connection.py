"""One server's session, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio
import mcp_types as types
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT
from pydantic import ValidationError

from lean_agent import __version__
from lean_agent._text import all_writable
from lean_agent.errors import ConfigurationError, ToolError
from lean_agent_tools.mcp.http import http_streams
from lean_agent_tools.mcp.plain import one_line
from lean_agent_tools.mcp.screening import Screened, screen_logs
from lean_agent_tools.mcp.server import MCPServer
from lean_agent_tools.mcp.stdio import Heard, process_streams

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp.client._transport import TransportStreams

__all__ = ["Connection"]

_MAX_TOOLS = 500
_MAX_PAGES = 50
_LEAVE_SECONDS = 10.0
_ERROR_CHARS = 1_000


class Connection:
    """Opened before its first call; a server that ended is started anew by the next one.

    A task of its own holds the session, since the SDK's must end in the task that began them: calls
    and the end may come from any task of the same event loop.
    """

    def __init__(self, server: MCPServer) -> None:
        self.server = server
        self._filled = server.filled()
        self._heard = Heard()
        self._client: Client | None = None
        self._fault: Exception | None = None
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()
        self._scope = anyio.CancelScope()
        self._holder: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no model is to read of what the server says."""
        return self._filled.secrets

    async def open(self) -> list[types.Tool]:
        """Start the server, or go to it, and ask for its tools: at most 500 of them.

        Raises:
            ConfigurationError: there is none, or it says nothing that makes sense in time.
        """
        client = await self._open()
        try:
            async with asyncio.timeout(self.server.start_seconds):
                return await _listed(client)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's answer does to the library
            await self._end(at_once=True)
            raise self._not_started(error) from None
        except asyncio.CancelledError:
            await self._end(at_once=True)
            raise

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool by the server's own name for it.

        Raises:
            ToolError: the server does not answer so; what it says besides is in the message.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise ToolError(
                f"the MCP server {self.server.name} was opened in another event loop: it is called"
                " by `await agent.run(...)` where it was opened, not by run_sync"
            )
        client = await self._live()
        given = cast("dict[str, Any]", all_writable(dict(arguments)))
        request = types.CallToolRequest(
            params=types.CallToolRequestParams(name=tool, arguments=given)
        )
        try:
            # Not call_tool: that holds results against a schema, with the server's own patterns.
            return await client.session.send_request(
                request, types.CallToolResult, request_read_timeout_seconds=self.server.seconds
            )
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                async with self._opening:
                    if self._client is client:  # else another call has seen to it
                        await self._end()
                raise ToolError(self._gone()) from None
            raise ToolError(self._told(error)) from None
        except ValidationError:
            raise ToolError(
                f"the MCP server {self.server.name} gave what is no result of a tool"
            ) from None

    async def aclose(self) -> None:
        """End the session, and the process. Calls fail from now on."""
        self._closed = True
        await self._end()

    async def _open(self) -> Client:
        self._heard, self._fault = Heard(), None
        self._ready, self._leave = asyncio.Event(), asyncio.Event()
        self._scope = anyio.CancelScope()
        self._holder = asyncio.create_task(self._hold(), name=f"mcp-{self.server.name}")
        try:
            async with asyncio.timeout(self.server.start_seconds):
                await self._ready.wait()
        except TimeoutError as error:
            await self._end(at_once=True)
            raise self._not_started(error) from None
        except asyncio.CancelledError:
            await self._end(at_once=True)
            raise
        if self._client is None:
            await self._end()
            raise self._not_started(self._fault)
        return self._client

    async def _live(self) -> Client:
        async with self._opening:
            if self._closed:
                raise ToolError(f"the MCP server {self.server.name} is closed")
            if self._client is None:
                try:
                    return await self._open()
                except ConfigurationError as error:
                    raise ToolError(error.message) from None
            return self._client

    async def _hold(self) -> None:
        """The session's own task. What ends it is told by ``_fault``, never raised."""
        try:
            with self._scope:
                async with Client(
                    self._streams(),
                    client_info=types.Implementation(name="lean-agent", version=__version__),
                    cache=None,
                ) as client:
                    self._client = client
                    self._ready.set()
                    await self._leave.wait()
        except Exception as error:  # noqa: BLE001 - a stranger's program, at the other end of a library
            self._fault = error
        finally:
            self._client = None
            self._ready.set()

    @asynccontextmanager
    async def _streams(self) -> AsyncGenerator[TransportStreams]:
        screen_logs()
        server = self.server
        streams = (
            http_streams(server.url, self._filled.headers)
            if server.url
            else process_streams(server.command, server.args, self._filled.env, self._heard)
        )
        async with streams as (incoming, outgoing):
            yield Screened(incoming), outgoing

    async def _end(self, *, at_once: bool = False) -> None:
        """End the holder: what is under way is let go first, unless ``at_once``."""
        holder, scope, self._client = self._holder, self._scope, None
        if holder is None:
            return
        self._leave.set()
        if not at_once:
            await asyncio.wait({holder}, timeout=_LEAVE_SECONDS)
        scope.cancel()
        await asyncio.wait({holder})

    def _not_started(self, error: BaseException | None) -> ConfigurationError:
        if isinstance(error, TimeoutError):
            why = f"it did not answer within {self.server.start_seconds:g} s"
        else:
            why = self._reason(error)
        heard = self._heard.why()
        if heard.startswith(why):
            why, heard = heard, ""
        return ConfigurationError(
            f"the MCP server {self.server.name} did not start: {why}"
            + (f" ({heard})" if heard and heard not in why else ""),
            hint="`lean-agent mcp list` starts each server of the configuration file",
        )

    def _gone(self) -> str:
        why = self._heard.why() or (self._reason(self._fault) if self._fault else "")
        told = f" ({why})" if why else ""
        return f"the MCP server {self.server.name} ended{told}; the next call starts it anew"

    def _told(self, error: MCPError) -> str:
        if error.code == REQUEST_TIMEOUT:
            return f"the MCP server {self.server.name} did not answer in {self.server.seconds:g} s"
        return f"the MCP server {self.server.name}: {one_line(error.message, _ERROR_CHARS)}"

    def _reason(self, error: BaseException | None) -> str:
        while isinstance(error, BaseExceptionGroup):  # of the SDK's task groups
            error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
        if isinstance(error, FileNotFoundError):
            return f"there is no program {one_line(self.server.command, _ERROR_CHARS)}"
        if isinstance(error, MCPError):
            return "it ended" if error.code == CONNECTION_CLOSED else one_line(error.message, 300)
        if isinstance(error, ValidationError):
            return "it does not keep to the protocol"
        return one_line(str(error), 300) or type(error).__name__


async def _listed(client: Client) -> list[types.Tool]:
    found: list[types.Tool] = []
    if client.server_capabilities.tools is None:
        return found
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) >= _MAX_TOOLS:
            break
    return found[:_MAX_TOOLS]
