"""``lean-agent ledger reprice``: what the same calls cost under other prices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.ledger.cells import sum_cost
from lean_agent.cli.ledger.notes import compacted_ledger, tell_empty, tell_problems
from lean_agent.cli.table import print_json, print_table

if TYPE_CHECKING:
    from lean_agent.price import Price

__all__ = ["reprice"]

_EMBEDDERS = (
    "select distinct concat(provider, ':', model) from entries where operation = 'embeddings'"
)
"""Price lists give them no price for output."""


def reprice(
    prices: Annotated[
        Path, typer.Option("--prices", metavar="FILE", help="A price file, as docs/prices.md.")
    ],
    json_: opt.Json = False,
) -> None:
    """Show what the calls would have cost under other prices. The entries stay as they are."""
    from lean_agent.ledger import queries, repricing
    from lean_agent.models.pricing import PriceTable

    if not prices.is_file():
        raise usage_error(f"no such file: {prices}", "it takes a file as docs/prices.md shows")
    table, folder = PriceTable(prices), compacted_ledger()
    embedders = {name for (name,) in queries.sql(folder, _EMBEDDERS)[1]}

    def price_of(name: str) -> Price | None:
        return table.price(name, embeds=name in embedders)

    problems: list[str] = []
    models = repricing.reprice(folder, price_of, left_out=problems)
    total = repricing.reprice(folder, price_of, by=())
    if json_:
        print_json({"models": models, "total": total[0] if total else None})
    elif models:
        rated = {row["model"] for row in models if price_of(row["model"]) is not None}
        print_table(
            ("MODEL", "CALLS", "BILLED", "REPRICED", "DIFFERENCE"),
            [
                *((row["model"], *_cells(row, rated=row["model"] in rated)) for row in models),
                *(("total", *_cells(row, rated=len(rated) == len(models))) for row in total),
            ],
        )
    else:
        tell_empty(None, None)
    tell_problems(problems)


def _cells(row: dict[str, Any], *, rated: bool) -> tuple[Any, ...]:
    marks = set(row["provenance"])
    billed = sum_cost(row["billed"], row["known_billed"], marks)
    if rated:
        marks.discard("self_hosted")
    repriced = sum_cost(row["repriced"], row["known_repriced"], marks)
    return row["calls"], billed, repriced, row["difference"]
