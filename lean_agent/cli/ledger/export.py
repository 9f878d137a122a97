"""``lean-agent ledger export``: every entry, for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.ledger.notes import compacted_ledger, tell_problems
from lean_agent.cli.streams import emit, is_terminal, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clean, one_line

__all__ = ["export"]

_PIECE_CHARS = 1_000_000


def export(
    format_: Annotated[
        Literal["parquet", "csv", "jsonl"], typer.Option("--format", help="What to write.")
    ] = "jsonl",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; else standard output."),
    ] = None,
    json_: opt.Json = False,
) -> None:
    """Write every entry to a file, or to standard output."""
    from lean_agent.ledger.exporting import export as write

    problems: list[str] = []
    if out is not None:
        if not out.absolute().parent.is_dir():
            raise usage_error(f"no such folder: {out.absolute().parent}", "make it first")
        rows = write(compacted_ledger(), out, format_, left_out=problems)
        if json_:
            print_json({"rows": rows, "path": out, "format": format_})
        else:
            say(one_line(f"{rows:,} entries written to {out}"))
    elif format_ == "parquet":
        raise usage_error("parquet needs a file to go to", "add --out entries.parquet")
    else:
        with TemporaryDirectory(prefix="lean-agent-") as temporary:
            path = Path(temporary) / "entries"
            write(compacted_ledger(), path, format_, left_out=problems)
            _emit(path)
    tell_problems(problems)


def _emit(path: Path) -> None:
    watched = is_terminal(sys.stdout)
    with path.open(encoding="utf-8", newline="") as file:
        while piece := file.read(_PIECE_CHARS):
            emit(clean(piece) if watched else piece)
