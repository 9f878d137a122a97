"""``lean-agent trajectory``: what runs did, which were accurate and cheap, and files of them."""

from __future__ import annotations

import typer

from lean_agent.cli.trajectory.export import export
from lean_agent.cli.trajectory.filtering import filter_
from lean_agent.cli.trajectory.importing import import_
from lean_agent.cli.trajectory.judging import bad, good
from lean_agent.cli.trajectory.listing import list_
from lean_agent.cli.trajectory.purge import purge
from lean_agent.cli.trajectory.replay import replay
from lean_agent.cli.trajectory.show import show
from lean_agent.cli.trajectory.stats import stats

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    rich_markup_mode=None,
    help="Look at what runs did, keep what was accurate and cheap, exchange it with others.",
)
app.command("list")(list_)
app.command()(show)
app.command()(replay)
app.command()(stats)
app.command()(good)
app.command()(bad)
app.command("filter")(filter_)
app.command("import")(import_)
app.command()(export)
app.command()(purge)
