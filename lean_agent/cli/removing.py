"""Before something is removed for good: it is found by its id, shown, and the person is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_table
from lean_agent.cli.text import count

__all__ = ["agreed", "list_what_goes", "named"]

T = TypeVar("T")

_SHOWN = 20


def named(names: Iterable[str], kept: Mapping[str, T], noun: str, *, listed: str) -> list[T]:
    """Of what is kept, by its id, that which is named: by an id, or how it begins.

    Raises:
        ConfigurationError: a name fits none or several; ``listed`` is the command that lists them.
    """
    found: dict[str, T] = {}
    for name in names:
        fitting = [name] if name in kept else [one for one in kept if one.startswith(name)]
        if len(fitting) != 1:
            how_many = f"several {noun}s begin" if fitting else f"no {noun} begins"
            raise usage_error(f"{how_many} with {name!r}", listed)
        found[fitting[0]] = kept[fitting[0]]
    return list(found.values())


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
