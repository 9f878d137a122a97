"""``lean-agent eval report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json

__all__ = ["write_report"]


def write_report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A results folder.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page to write, else DIR/report.html."),
    ] = None,
    json_: opt.Json = False,
) -> None:
    """Write a page that needs no network, with Markdown and CSV beside it."""
    from lean_agent_evals import report

    page = report.write(folder, out)
    if json_:
        print_json({"report": str(page)})
    else:
        emit(f"{page}\n")
