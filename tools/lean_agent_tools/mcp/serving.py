"""The agent as an MCP server on standard input and output: one tool, ``ask``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypedDict, cast

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from lean_agent import __version__
from lean_agent_tools.mcp.screening import screen_logs

__all__ = ["Answer", "Ask", "Tell", "serve_ask"]

_SCHEMA = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "description": "What is to be answered or done."}
    },
    "required": ["question"],
    "additionalProperties": False,
}


class Answer(TypedDict):
    """``text`` is the answer, ``summary`` a line of what it took; ``details`` are plain JSON."""

    text: str
    summary: str
    details: dict[str, Any]
    failed: bool


Tell = Callable[[int, str], Awaitable[None]]
"""Told a number that grows, and what is done now."""

Ask = Callable[[str, Tell], Awaitable[Answer]]
"""Answers a question; cancelled where the caller no longer wants to know."""


async def serve_ask(ask: Ask, *, lines: AsyncIterator[bytes], about: str, reads_only: bool) -> None:
    """Answer calls, several at a time, until the ``lines`` of standard input end.

    ``about`` is what a caller is told of the tool, ``reads_only`` whether it changes nothing.
    Standard output is the protocol's alone meanwhile: whatever else writes to it, a child process
    for one, writes to standard error.
    """
    screen_logs()
    hints = ToolAnnotations(read_only_hint=reads_only, open_world_hint=True)
    tool = Tool(name="ask", description=about, input_schema=_SCHEMA, annotations=hints)

    async def listed(
        _ctx: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[tool])

    async def called(
        ctx: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        given = params.arguments or {}
        question = given.get("question")
        if params.name != tool.name:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r}: call ask")
        if not isinstance(question, str) or given.keys() != {"question"}:
            raise MCPError(INVALID_PARAMS, "ask takes a question, which is a text, and no more")

        async def tell(number: int, what: str) -> None:
            await ctx.session.report_progress(number, message=what)

        answer = await ask(question, tell)
        return CallToolResult(
            content=[
                TextContent(text=answer[part]) for part in ("text", "summary") if answer[part]
            ],
            structured_content=answer["details"],
            is_error=answer["failed"],
        )

    server: Server[Any] = Server(
        "lean-agent", version=__version__, on_list_tools=listed, on_call_tool=called
    )
    # Its own way of reading cannot be interrupted before the next line; it only iterates.
    stdin = cast("Any", lines)
    async with stdio_server(stdin=stdin) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
