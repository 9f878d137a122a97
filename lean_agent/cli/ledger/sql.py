"""``lean-agent ledger sql``: any question."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.notes import compacted_ledger, tell_problems
from lean_agent.cli.table import print_json, print_table

__all__ = ["sql"]


def sql(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help='DuckDB SQL, as in "select * from entries".')
    ],
    json_: opt.Json = False,
) -> None:
    """Ask the ledger anything. The view is called entries; nothing can be changed."""
    from lean_agent.ledger import queries

    problems: list[str] = []
    columns, rows = queries.sql(compacted_ledger(), query, left_out=problems)
    if json_:
        print_json({"columns": columns, "rows": [[_plain(cell) for cell in row] for row in rows]})
    else:
        print_table(columns, rows)
    tell_problems(problems)


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
