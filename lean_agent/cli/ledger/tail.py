"""``lean-agent ledger tail``: entries as they are written, by whatever process."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from lean_agent.cli.ledger.cells import call_tokens, ending, entry_cost, what
from lean_agent.cli.ledger.notes import tell_problem
from lean_agent.cli.streams import emit, say
from lean_agent.cli.text import one_line, to_json
from lean_agent.ledger.migrations import MONEY, columns

__all__ = ["tail"]


def tail(
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="Only this run, or how it begins.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON value a line.")] = False,
) -> None:
    """Follow the ledger until Ctrl-C: what is sent, and what came of it."""
    import asyncio

    try:
        asyncio.run(_follow(run, as_json=json_))
    except KeyboardInterrupt:
        return


async def _follow(run: str, *, as_json: bool) -> None:
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger.tail import follow

    say("waiting for entries; Ctrl-C ends")
    async with aclosing(follow(ledger_dir(), tell=tell_problem)) as rows:
        async for row in rows:
            if row["run_id"].startswith(run):
                emit((to_json(row, indent=None) if as_json else _line(row)) + "\n")


def _line(row: dict[str, Any]) -> str:
    row = {name: _fitting(row.get(name), kind) for name, kind in columns().items()}
    sent = row["state"] == "open"
    is_run = row["operation"] == "invoke_agent"
    seconds = row["seconds"]
    parts = [
        _clock(row["ts"]),
        row["run_id"][:8],
        f"step {row['step']}" if row["step"] and not is_run else "",
        row["purpose"],
        "" if is_run else what(row),
        f"try {row['attempt']}" if (row["attempt"] or 0) > 1 else "",
        call_tokens(row) if row["model"] and not sent else "",
        "" if seconds is None else f"{seconds:.2f} s",
        entry_cost(row) if row["model"] and not sent else "",
        ("begins" if is_run else "sent") if sent else ending(row),
    ]
    return "  ".join(one_line(part) for part in parts if part)


def _clock(ts: float | None) -> str:
    try:
        return "" if ts is None else f"{datetime.fromtimestamp(ts, UTC):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _fitting(value: Any, kind: str) -> Any:
    """The value as a report would have it; None where it is missing or of another type.

    Segments of the first version do not have all columns.
    """
    if kind == MONEY:
        try:
            money = Decimal(value if isinstance(value, str) else "NaN")
        except InvalidOperation:
            return None
        return money if money.is_finite() else None
    types = {"VARCHAR": str, "BIGINT": int, "DOUBLE": (int, float)}
    return value if isinstance(value, types[kind]) else None
