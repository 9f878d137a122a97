"""``lean-agent trajectory import``: what others recorded, in our form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import one_line
from lean_agent.cli.trajectory.options import Out, check_out

if TYPE_CHECKING:
    from lean_agent.trajectory.importers import Importer, Refused
    from lean_agent.trajectory.record import Trajectory

__all__ = ["import_"]

_TOLD = 20


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A log, or a results folder's trajectories.jsonl."),
    ],
    out: Out,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="What it is; else found out by looking."),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option("--estimate-tokens", help="Guess the tokens that a log does not tell."),
    ] = False,
    json_: opt.Json = False,
) -> None:
    """Read what others recorded; what is damaged is refused with its line and the reason."""
    from lean_agent.trajectory.files import write_trajectories
    from lean_agent.trajectory.importers import importer_of

    check_out(out, file)
    importer = importer_of(file, format_)
    refused: list[Refused] = []
    written = write_trajectories(out, _taken(importer, file, refused, estimate=estimate))
    if json_:
        print_json(
            {
                "path": out,
                "format": importer.name,
                "records": written + len(refused),
                "taken": written,
                "refused": [{"line": item.line, "reason": item.reason} for item in refused],
            }
        )
    else:
        say(one_line(f"{written:,} of {written + len(refused):,} records written to {out}"))
        for item in refused[:_TOLD]:
            say(one_line(f"refused: {file}, line {item.line}: {item.reason}"))
        if len(refused) > _TOLD:
            say(f"and {len(refused) - _TOLD:,} more: --json tells all")
    if refused:
        raise typer.Exit(1)


def _taken(
    importer: Importer, file: Path, refused: list[Refused], *, estimate: bool
) -> Iterator[Trajectory]:
    """What is taken; the rest is put in ``refused``.

    Raises:
        ConfigurationError: there is nothing but refused records: it is another format.
    """
    from lean_agent.trajectory.estimating import with_estimates
    from lean_agent.trajectory.importers import Refused

    taken = False
    for item in importer.read(file):
        if isinstance(item, Refused):
            refused.append(item)
        else:
            taken = True
            yield with_estimates(item) if estimate else item
    if not taken:
        why = f"line {refused[0].line}: {refused[0].reason}" if refused else "it is empty"
        raise usage_error(
            f"no record of {file} is {importer.name}: {why}",
            "look at the file, or name its --format",
        )
