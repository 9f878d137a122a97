"""A server's tool as one of the agent's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lean_agent.errors import InvalidToolCallError, ToolError
from lean_agent.tool_spec import Preview, ToolSpec
from lean_agent_tools.mcp.plain import one_line
from lean_agent_tools.mcp.results import text_of
from lean_agent_tools.mcp.schema import parameters_of

if TYPE_CHECKING:
    from mcp_types import Tool as ListedTool

    from lean_agent.context import RunContext
    from lean_agent_tools.mcp.connection import Connection
    from lean_agent_tools.mcp.server import MCPServer

__all__ = ["MCPTool", "tool_name"]

_NAME_CHARS = 64
_MARK_CHARS = 8
_ABOUT_CHARS = 1_000
_ERROR_CHARS = 2_000
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def tool_name(server: str, tool: str) -> str:
    """``server__tool``, as every provider takes it: 64 of a-z, A-Z, 0-9, _ and -.

    One that had to be changed ends in a mark made of the server's own name for it, so that it is
    the same at each start and no other tool's.
    """
    plain = _NOT_IN_NAMES.sub("_", tool)
    name = f"{server}__{plain}"
    if tool and plain == tool and len(name) <= _NAME_CHARS:
        return name
    mark = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:_MARK_CHARS]
    return f"{name[: _NAME_CHARS - _MARK_CHARS - 1]}_{mark}"


class MCPTool:
    """Has side effects, unless the user trusts the server's word that it only reads.

    Raises:
        ValueError: it cannot be told to a model.
    """

    def __init__(self, connection: Connection, listed: ListedTool) -> None:
        self._connection = connection
        self._called = listed.name
        self._spec = _spec(connection.server, listed)

    def __repr__(self) -> str:
        return f"<tool {self._spec.name}>"

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    async def preview(self, arguments: Mapping[str, Any], ctx: RunContext) -> Preview | None:
        """The call as it is sent; "always" then is for this tool, whatever its arguments.

        Raises:
            InvalidToolCallError: the arguments do not fit.
        """
        self._check(arguments)
        written = json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)
        return Preview(text=f"{self._spec.name} {written}", subject=written, always="*")

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """Have the server do it.

        Raises:
            InvalidToolCallError: the arguments do not fit; the server was not asked.
            ToolError: it failed, or the server did not answer in time, or is gone.
        """
        self._check(arguments)
        result = await self._connection.call(self._called, arguments)
        text = text_of(result, self._connection.secrets)
        if result.is_error:
            raise ToolError(text if len(text) <= _ERROR_CHARS else f"{text[:_ERROR_CHARS]}...")
        return text

    def _check(self, arguments: Mapping[str, Any]) -> None:
        """The names; what they hold is for the server to check."""
        schema = self._spec.parameters
        known: Mapping[str, Any] = schema["properties"]
        if missing := [name for name in schema.get("required", ()) if name not in arguments]:
            raise InvalidToolCallError(f"{missing[0]}: it is required and missing")
        unknown = [name for name in arguments if name not in known]
        if unknown and schema["additionalProperties"] is False:
            listed = one_line(", ".join(known), 200) or "none"
            name = one_line(unknown[0], 50)
            raise InvalidToolCallError(f"there is no parameter {name} (parameters: {listed})")


def _spec(server: MCPServer, listed: ListedTool) -> ToolSpec:
    said = listed.annotations if server.trust_annotations else None
    reads_only = said is not None and said.read_only_hint is True
    return ToolSpec(
        name=tool_name(server.name, listed.name),
        description=one_line(listed.description or listed.title or listed.name, _ABOUT_CHARS),
        parameters=parameters_of(listed.input_schema),
        side_effects=not reads_only,
        concurrency_safe=reads_only,
        idempotent=said is not None and said.idempotent_hint is True,
        timeout=server.seconds + server.start_seconds,  # a server that ended is started anew
    )
