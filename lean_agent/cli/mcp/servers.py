"""The MCP servers of the configuration file, by way of the installed package that speaks MCP.

It names what it offers as entry points of ``lean_agent.mcp``: ``server`` makes one of a table's
keys, ``tools`` opens them, ``serve`` serves. So the core imports no tools.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line
from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.tool_spec import Tool, ToolSpec

if TYPE_CHECKING:
    from lean_agent.cli.options import RunOptions

__all__ = ["Looked", "configured", "look_at", "of_servers_there", "offered", "server_tools"]

_WITHIN = "LEAN_AGENT_WITHIN_MCP"
"""Set for the servers that are started: a lean-agent among what they start begins none itself."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a server offers, or why it does not start."""

    name: str
    tools: tuple[ToolSpec, ...] = ()
    failure: LeanAgentError | None = None


def offered(name: str) -> Any:
    """What the installed package offers by that name.

    Raises:
        ConfigurationError: there is no such package, or its extra is missing.
    """
    from importlib.metadata import entry_points

    missing = ConfigurationError(
        "MCP needs a package that is not installed", hint="pip install 'lean-agent[mcp]'"
    )
    for entry in entry_points(group="lean_agent.mcp", name=name):
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise missing from error
    raise missing


def configured() -> list[Any]:
    """The servers that the file names, in its order; none of them is started.

    Raises:
        ConfigurationError: a table does not make a server.
    """
    from lean_agent.cli.config.file import config_path, read_file

    tables = read_file(config_path()).servers
    if not tables:
        return []
    make = offered("server")
    return [make(name=name, **_marked(table)) for name, table in tables.items()]


def _marked(table: Mapping[str, Any]) -> dict[str, Any]:
    if "command" not in table:
        return dict(table)
    return {**table, "env": {**table.get("env", {}), _WITHIN: "1"}}


@asynccontextmanager
async def server_tools() -> AsyncGenerator[list[Tool]]:
    """The tools of those servers, for as long as they are needed. One that does not start costs a
    line, never the run. None in a program that a server has started: it could be the server itself.

    Raises:
        ConfigurationError: as ``configured``.
    """
    servers = [] if os.environ.get(_WITHIN) else configured()
    if not servers:
        yield []
        return
    async with offered("tools")(*servers, report=_say) as tools:
        yield tools


def _say(line: str) -> None:
    say(one_line(line))


async def look_at(servers: list[Any]) -> list[Looked]:
    """Start each of them, side by side, to see what it offers."""
    return list(await asyncio.gather(*map(_look, servers)))


async def _look(server: Any) -> Looked:
    try:
        async with offered("tools")(server) as tools:
            return Looked(server.name, tuple(tool.spec for tool in tools))
    except LeanAgentError as error:
        return Looked(server.name, failure=error)


def of_servers_there(options: RunOptions, tools: Sequence[Tool]) -> RunOptions:
    """The options without what they name of servers that did not start, which is no mistake."""
    from lean_agent.cli.config.file import config_path, read_file

    there = {tool.spec.name.partition("__")[0] for tool in tools}
    absent = read_file(config_path()).servers.keys() - there

    def kept(names: list[str]) -> list[str]:
        return [name for name in names if name.partition("__")[0] not in absent]

    return replace(options, allow=kept(options.allow), tools=kept(options.tools))
