"""``lean-agent ledger``: what was spent, on what, and any question in SQL."""

from __future__ import annotations

import typer

from lean_agent.cli.ledger.budget import app as budget
from lean_agent.cli.ledger.compact import compact
from lean_agent.cli.ledger.export import export
from lean_agent.cli.ledger.reprice import reprice
from lean_agent.cli.ledger.runs import runs
from lean_agent.cli.ledger.show import show
from lean_agent.cli.ledger.sql import sql
from lean_agent.cli.ledger.summary import summary
from lean_agent.cli.ledger.tail import tail

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    rich_markup_mode=None, help="Show what was spent, and on what; set caps."
)
app.command()(summary)
app.command()(runs)
app.command()(show)
app.command()(tail)
app.command()(sql)
app.command()(export)
app.command()(reprice)
app.command()(compact)
app.add_typer(budget, name="budget")
