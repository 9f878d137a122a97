"""``lean-agent index``: a folder of documents made quick to search, and searched."""

from __future__ import annotations

import typer

from lean_agent.cli.index.build import build
from lean_agent.cli.index.info import info
from lean_agent.cli.index.push import push
from lean_agent.cli.index.search import search

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    rich_markup_mode=None, help="Make a folder of documents quick to search."
)
app.command()(build)
app.command()(search)
app.command()(push)
app.command()(info)
