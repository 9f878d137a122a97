"""The options that several commands of ``eval`` share."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import typer

__all__ = ["Count", "Margin", "Results", "SplitChoice", "SuiteName", "at_least_zero"]


def at_least_zero(text: str) -> float:
    """A number of 0 or more.

    Raises:
        BadParameter: it is no such number.
    """
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None
    if not math.isfinite(value) or value < 0:
        raise typer.BadParameter(f"{text!r} is not a number of 0 or more")
    return value


SuiteName = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="A name that `eval list` shows, NAME:PATH where it reads files, or a Python file.",
        show_default=False,
    ),
]
SplitChoice = Annotated[
    Literal["dev", "test"], typer.Option("--split", help="dev is there to be looked at.")
]
Count = Annotated[int | None, typer.Option("--count", metavar="N", min=1, help="So many tasks.")]
Margin = Annotated[
    float,
    typer.Option(
        "--margin",
        metavar="SHARE",
        parser=at_least_zero,
        help="How much of the pass rate may be lost for accuracy to count as held.",
    ),
]
Results = Annotated[
    str,
    typer.Argument(
        metavar="DIR[:ARM]",
        help="A results folder, and which of its arms if it has several.",
        show_default=False,
    ),
]
