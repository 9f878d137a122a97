"""Before something is removed for good: it is shown, and the person is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_table
from lean_agent.cli.text import count

__all__ = ["agreed", "list_what_goes"]

_SHOWN = 20


def list_what_goes(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table of what is to be removed, or of the first 20 and how many more there are."""
    print_table(columns, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        say(f"and {len(rows) - _SHOWN:,} more")


def agreed(number: int, noun: str) -> bool:
    """Whether the person at the terminal wants so many to be removed.

    Raises:
        ConfigurationError: there is none to ask.
    """
    what = count(number, noun)
    if not sys.stdin.isatty():
        raise usage_error(
            f"{what} would be removed, and there is nobody to ask", "--yes removes without asking"
        )
    say(f"remove {what}? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
