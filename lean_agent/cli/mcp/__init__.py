"""``lean-agent mcp``: tools of other programs, and the agent as a tool of theirs."""

from __future__ import annotations

import typer

from lean_agent.cli.mcp.listing import list_servers
from lean_agent.cli.mcp.serve import serve

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None, help="Use MCP servers, or be one.")
app.command("list")(list_servers)
app.command()(serve)
