"""What several tables show of entries: tokens, money that hides nothing, and times."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from lean_agent.cli.text import money
from lean_agent.usage import Usage

__all__ = [
    "TOKENS",
    "call_tokens",
    "clock",
    "ending",
    "entry_cost",
    "group_cost",
    "is_listed_apart",
    "list_cost",
    "saved_tokens",
    "sum_cost",
    "time",
    "tokens",
    "what",
]

TOKENS = ("UNCACHED", "CACHED", "OUTPUT")


def tokens(row: dict[str, Any]) -> tuple[int, int, int]:
    """The cells under ``TOKENS``."""
    cached = row["cache_read_input_tokens"] or 0
    return (row["input_tokens"] or 0) - cached, cached, row["output_tokens"] or 0


def time(iso: str | None) -> str | None:
    """Date and time, to the second."""
    return iso and iso[:19].replace("T", " ")


def clock(iso: str | None) -> str | None:
    """The time of day, UTC, to the second."""
    return iso and iso[11:19]


def what(row: dict[str, Any]) -> str:
    """The tool or the model of an entry."""
    return row["tool"] or (f"{row['provider']}:{row['model']}" if row["model"] else "-")


def call_tokens(call: dict[str, Any]) -> str:
    """What one model call used, in words."""
    if call["saved_tokens"]:
        return saved_tokens(call)
    uncached, cached, output = tokens(call)
    if not (uncached or cached or output):
        return "no tokens"
    return f"{uncached:,} uncached + {cached:,} cached + {output:,} out"


def saved_tokens(row: dict[str, Any]) -> str:
    """What the response cache spared."""
    return f"{row['saved_tokens']:,} tokens saved by the response cache"


def ending(row: dict[str, Any]) -> str | None:
    """How an entry ended."""
    if row["state"] == "open":
        return "unfinished"
    return "failed" if row["error_type"] == "tool" else row["error_type"] or row["finish_reason"]


def group_cost(row: dict[str, Any]) -> str:
    """The cost of a group of entries."""
    marks = [name for name in ("estimated", "self_hosted") if row[f"{name}_calls"]]
    return sum_cost(row["cost"], row["known_cost"], marks)


def sum_cost(cost: Decimal | None, known: Decimal, provenance: Collection[str]) -> str:
    """A sum of costs, None where a term is unknown; that is never left out of it."""
    if cost is not None or not (known or "self_hosted" in provenance):
        return _money(cost, provenance)
    return f"{_money(known, provenance)} + unknown"


def list_cost(row: dict[str, Any]) -> str:
    """What the price tables say of a group or an entry."""
    return _money(row["list_cost"], ())


def entry_cost(row: dict[str, Any]) -> str:
    """The cost of one entry."""
    return _money(row["cost"], (row["provenance"] or "").split("+"))


def is_listed_apart(row: dict[str, Any]) -> bool:
    """Whether the price tables say something else of a group or an entry than its bill."""
    return row["list_cost"] is not None and row["list_cost"] != row["cost"]


def _money(cost: Decimal | None, provenance: Collection[Any]) -> str:
    # A column of many has no room to say more of it.
    return money(Usage(cost=cost, provenance=frozenset(provenance))).replace(", no rate set", "")
