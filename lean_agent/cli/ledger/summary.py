"""``lean-agent ledger summary``: totals by model, day, purpose, run or mode."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.cells import TOKENS, group_cost, list_cost, tokens
from lean_agent.cli.ledger.notes import compact_first, tell_empty, tell_problems
from lean_agent.cli.ledger.when import Since, Until
from lean_agent.cli.table import print_json, print_table

__all__ = ["summary"]


def summary(
    by: Annotated[
        Literal["model", "day", "purpose", "run", "mode"],
        typer.Option("--by", help="What to sum by; days are UTC."),
    ] = "model",
    since: Since = None,
    until: Until = None,
    json_: opt.Json = False,
) -> None:
    """Sum up tokens, time and money, the dearest first."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import queries

    folder = ledger_dir()
    compact_first(folder)
    rows = queries.summary(folder, by=by, since=since, until=until)
    if json_:
        print_json(rows)
    elif rows:
        _print(by, rows)
    else:
        tell_empty(since, until)
    tell_problems(folder)


def _print(by: str, rows: list[dict[str, Any]]) -> None:
    """Columns that would say nothing are left out."""
    listed = any(row["list_cost"] is not None and row["list_cost"] != row["cost"] for row in rows)
    saved = any(row["saved_tokens"] for row in rows)
    unfinished = any(row["unfinished_calls"] for row in rows)
    columns = [by.upper(), "CALLS", *TOKENS, "SEC"]
    columns += ["SAVED"] * saved + ["OPEN"] * unfinished + ["LIST"] * listed + ["COST"]
    print_table(
        columns,
        [
            (
                row[by],
                row["calls"],
                *tokens(row),
                row["seconds"],
                *([row["saved_tokens"]] * saved),
                *([row["unfinished_calls"]] * unfinished),
                *([list_cost(row)] * listed),
                group_cost(row),
            )
            for row in rows
        ],
    )
