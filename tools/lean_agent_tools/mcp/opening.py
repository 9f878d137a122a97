"""The tools of servers, for as long as they are needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lean_agent.errors import ConfigurationError
from lean_agent.tool_spec import Tool
from lean_agent_tools.mcp.plain import one_line
from lean_agent_tools.mcp.server import MCPServer

if TYPE_CHECKING:
    from mcp_types import Tool as ListedTool

    from lean_agent_tools.mcp.connection import Connection

__all__ = ["mcp_tools"]

_LOG = logging.getLogger("lean_agent.mcp")
_LOG.addHandler(logging.NullHandler())  # a library prints nothing unless asked to


@asynccontextmanager
async def mcp_tools(
    *servers: MCPServer | str, report: Callable[[str], None] | None = None
) -> AsyncGenerator[list[Tool]]:
    """The tools of all the servers, which are started side by side and end with the block.

    A text is an address, or a command line; its server is called as the host or the program. With
    ``report`` a server that does not start costs a line of it, never the others.

    Raises:
        ConfigurationError: a server does not start, two have one name, or the extra is missing.
    """
    given = [MCPServer.of(one) if isinstance(one, str) else one for one in servers]
    names = [server.name for server in given]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(f"two MCP servers are called {min(twice)!r}")
    connections: list[Connection] = []
    try:
        opened = await asyncio.gather(
            *(_opened(server, connections) for server in given), return_exceptions=True
        )
        tools: list[Tool] = []
        for found in opened:
            if isinstance(found, ConfigurationError) and report is not None:
                report(f"note: {found.message}")
            elif isinstance(found, BaseException):
                raise found
            else:
                tools += _made(*found, report or _LOG.warning)
        yield tools
    finally:
        await asyncio.gather(*(connection.aclose() for connection in connections))


async def _opened(
    server: MCPServer, connections: list[Connection]
) -> tuple[Connection, list[ListedTool]]:
    try:
        from lean_agent_tools.mcp.connection import Connection
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("mcp"):
            raise
        raise ConfigurationError(
            f"the MCP server {server.name} needs a package that is not installed",
            hint="pip install 'lean-agent[mcp]'",
        ) from error
    connection = Connection(server)
    connections.append(connection)
    return connection, await connection.open()


def _made(
    connection: Connection, listed: list[ListedTool], report: Callable[[str], None]
) -> list[Tool]:
    from lean_agent_tools.mcp.tool import MCPTool

    made: dict[str, Tool] = {}
    for one in listed:
        where = f"note: tool {one_line(one.name, 64)} of the MCP server {connection.server.name}"
        try:
            tool = MCPTool(connection, one)
        except ValueError as error:
            report(f"{where} skipped: {error}")
            continue
        if tool.spec.name in made:
            report(f"{where} skipped: another is called {tool.spec.name} too")
            continue
        made[tool.spec.name] = tool
    return list(made.values())
