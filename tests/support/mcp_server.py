"""A decent MCP server, made with the official SDK: ``python mcp_server.py [--http]``.

It speaks over its standard streams, or over HTTP on a port that it prints. Over HTTP it wants the
header X-Key to be what the variable NOTES_KEY holds.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("notes", log_level="ERROR")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def write_note(path: str, text: str) -> str:
    """Write a note to a file."""
    Path(path).write_text(text)
    return f"wrote {len(text)} characters"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def picture() -> Image:
    """Draw a picture."""
    return Image(data=b"\x89PNG" * 10, format="png")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def told() -> list[str]:
    """Tell the names of the variables that the server was given."""
    return sorted(os.environ)


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def header(ctx: Context) -> str:
    """Tell the header X-Key, as a careless server might."""
    request = ctx.request_context.request
    return str(request.headers.get("x-key")) if request is not None else "no request"


def main() -> None:
    if "--http" not in sys.argv:
        server.run("stdio")
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp\n")
        sys.stdout.flush()
        config = uvicorn.Config(server.streamable_http_app(), log_level="error", lifespan="on")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
