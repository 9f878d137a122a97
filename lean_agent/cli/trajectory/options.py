"""The options that several commands about trajectories share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli.failures import usage_error

__all__ = ["File", "Good", "Out", "check_out"]

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Trajectories, one a line; see lean-agent trajectory import."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to; written anew.")]
Good = Annotated[
    float,
    typer.Option(
        "--good", min=0, max=1, help="The reward of a desirable one; shopping tasks want 1."
    ),
]


def check_out(path: Path) -> None:
    """Refuse a place where no file can be written.

    Raises:
        ConfigurationError: saying what is wrong with it.
    """
    if path.is_dir():
        raise usage_error(f"this is a folder: {path}", "--out takes a file")
    if not path.absolute().parent.is_dir():
        raise usage_error(f"no such folder: {path.absolute().parent}", "make it first")
