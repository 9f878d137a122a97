"""``lean-agent ledger``: what was spent, on what, and any question in SQL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import money, one_line
from lean_agent.usage import Provenance, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, help="Show what was spent, and on what.")

_TOKENS = ("UNCACHED", "CACHED", "OUTPUT")


@app.command()
def summary(
    by: Annotated[
        Literal["model", "day", "purpose", "run", "mode"],
        typer.Option("--by", help="What to sum by; days are UTC."),
    ] = "model",
    json_: opt.Json = False,
) -> None:
    """Sum up tokens, time and money, the dearest first."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import queries

    _print(
        queries.summary(ledger_dir(), by=by),
        (by.upper(), "CALLS", *_TOKENS, "SECONDS", "COST"),
        lambda row: (row[by], row["calls"], *_tokens(row), row["seconds"], _cost(row)),
        as_json=json_,
    )
    _tell_problems(ledger_dir())


@app.command()
def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, at most.")] = 20,
    json_: opt.Json = False,
) -> None:
    """List the newest runs."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import queries

    _print(
        queries.runs(ledger_dir(), limit=limit),
        ("RUN", "STARTED (UTC)", "MODE", "MODELS", "STEPS", *_TOKENS, "SECONDS", "COST"),
        lambda row: (
            row["run_id"][:12],
            _seconds(row["started_at"]),
            row["mode"],
            ", ".join(name for name in row["models"] or () if name),
            row["steps"],
            *_tokens(row),
            row["seconds"],
            _cost(row),
        ),
        as_json=json_,
    )
    _tell_problems(ledger_dir())


@app.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.")],
    json_: opt.Json = False,
) -> None:
    """Show every call of one run, retries and failures included."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import queries

    _print(
        queries.show(ledger_dir(), run),
        ("TIME (UTC)", "STEP", "PURPOSE", "WHAT", "TRY", *_TOKENS, "SECONDS", "END", "COST"),
        lambda row: (
            _seconds(row["time"]),
            row["step"],
            row["purpose"],
            row["tool"] or f"{row['provider']}:{row['model']}",
            row["attempt"],
            *_tokens(row),
            row["seconds"],
            row["error_type"] or row["finish_reason"],
            _entry_cost(row),
        ),
        as_json=json_,
    )


@app.command()
def sql(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help='DuckDB SQL, as in "select * from entries".')
    ],
    json_: opt.Json = False,
) -> None:
    """Ask the ledger anything. The view is called entries; nothing can be changed."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import queries

    columns, rows = queries.sql(ledger_dir(), query)
    if json_:
        print_json({"columns": columns, "rows": [[_plain(cell) for cell in row] for row in rows]})
    else:
        print_table(columns, rows)


def _print(
    rows: list[dict[str, Any]],
    columns: Sequence[str],
    cells: Callable[[dict[str, Any]], Sequence[Any]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(rows)
    elif rows:
        print_table(columns, [cells(row) for row in rows])
    else:
        say('the ledger is empty; lean-agent ask "..." makes the first entry')


def _tell_problems(folder: Path) -> None:
    from lean_agent.ledger import queries

    for problem in queries.problems(folder):
        say(f"note: {one_line(problem)}")


def _tokens(row: dict[str, Any]) -> tuple[int, int, int]:
    cached = row["cache_read_input_tokens"]
    return row["input_tokens"] - cached, cached, row["output_tokens"]


def _seconds(iso: str | None) -> str | None:
    return iso and iso[:19].replace("T", " ")


def _cost(row: dict[str, Any]) -> str:
    """The cost of a group of entries; what is unknown is never left out of it."""
    known: set[Provenance] = set()
    if row["estimated_calls"]:
        known.add("estimated")
    if row["self_hosted_calls"]:
        known.add("self_hosted")
    if row["cost"] is not None:
        return money(Usage(cost=row["cost"], provenance=frozenset(known)))
    if row["unpriced_calls"] == row["calls"]:
        return money(Usage(cost=None))
    rest = money(Usage(cost=row["known_cost"], provenance=frozenset(known)))
    return f"{rest} + unknown ({row['unpriced_calls']} unpriced)"


def _entry_cost(row: dict[str, Any]) -> str:
    provenance: Any = frozenset((row["provenance"] or "").split("+"))
    return money(Usage(cost=row["cost"], provenance=provenance))


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
