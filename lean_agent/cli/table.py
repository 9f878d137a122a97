"""Lists as text: columns for people, one JSON value for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

from lean_agent.cli.streams import emit, is_terminal, styled, terminal_columns
from lean_agent.cli.text import clean, to_json

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["print_json", "print_rich", "print_table"]

_UNCUT_WIDTH = 10_000


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    emit(to_json(value) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Aligned columns; numbers to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(columns):
        values = [row[number] for row in rows if row[number] is not None]
        numeric = bool(values) and all(_is_number(value) for value in values)
        justify = "right" if numeric else "left"
        # Where it is too wide, words are folded before numbers.
        table.add_column(Text(clean(name)), justify=justify, overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    print_rich(table)


def print_rich(renderable: RenderableType) -> None:
    """Folded to a terminal's width, uncut in a pipe; no line ends in spaces."""
    from rich.console import Console

    width = terminal_columns() if is_terminal(sys.stdout) else _UNCUT_WIDTH
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=styled(sys.stdout),
        color_system=None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(renderable)
    emit("".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines()))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return clean(str(value))
