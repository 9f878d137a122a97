"""``lean-agent ledger runs``: the newest runs and how they ended."""

from __future__ import annotations

from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.cells import group_cost, time
from lean_agent.cli.ledger.notes import compacted_ledger, tell_empty, tell_problems
from lean_agent.cli.ledger.when import Since, Until
from lean_agent.cli.table import print_json, print_table

__all__ = ["runs"]


def runs(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="How many, at most.")
    ] = 20,
    since: Since = None,
    until: Until = None,
    json_: opt.Json = False,
) -> None:
    """List the newest runs."""
    from lean_agent.ledger import queries

    problems: list[str] = []
    rows = queries.runs(
        compacted_ledger(), limit=limit, since=since, until=until, left_out=problems
    )
    if json_:
        print_json(rows)
    elif rows:
        print_table(
            ("RUN", "STARTED (UTC)", "MODE", "STATUS", "STEPS", "TOKENS", "SEC", "COST"),
            [
                (
                    row["run_id"][:8],
                    time(row["started_at"]),
                    row["mode"],
                    row["status"],
                    row["steps"],
                    row["input_tokens"] + row["output_tokens"],
                    row["wall_seconds"],
                    group_cost(row),
                )
                for row in rows
            ],
        )
    else:
        tell_empty(since, until)
    tell_problems(problems)
