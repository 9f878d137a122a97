"""``lean-agent ledger summary``: totals by model, day, purpose, run or mode."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.cells import TOKENS, group_cost, is_listed_apart, list_cost, tokens
from lean_agent.cli.ledger.notes import compacted_ledger, tell_empty, tell_problems
from lean_agent.cli.ledger.when import Since, Until
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table

__all__ = ["summary"]

_RUNS = 50


def summary(
    by: Annotated[
        Literal["model", "day", "purpose", "run", "mode"],
        typer.Option("--by", help="What to sum by; days are UTC."),
    ] = "model",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=1,
            max=1_000_000,
            help=f"How many, at most; {_RUNS} with --by run, else all.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    json_: opt.Json = False,
) -> None:
    """Sum up tokens, time and money, the dearest first."""
    from lean_agent.ledger import queries

    if limit is None and by == "run":
        limit = _RUNS
    problems: list[str] = []
    rows = queries.summary(
        compacted_ledger(),
        by=by,
        limit=limit and limit + 1,  # one more shows that there are more
        since=since,
        until=until,
        left_out=problems,
    )
    more = limit is not None and len(rows) > limit
    if more:
        rows.pop(0 if by == "day" else -1)
    if json_:
        print_json(rows)
    elif rows:
        _print(by, rows)
    else:
        tell_empty(since, until)
    if more:
        which = "newest" if by == "day" else "dearest"
        say(f"note: these are the {limit} {which}; there are more, see --limit")
    tell_problems(problems)


def _print(by: str, rows: list[dict[str, Any]]) -> None:
    """Columns that would say nothing are left out."""
    listed = any(is_listed_apart(row) for row in rows)
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
