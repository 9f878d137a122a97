"""``lean-agent plan``. Nothing heavy is loaded before a command needs it."""

from __future__ import annotations

import typer

from lean_agent_planners.cli.benching import bench_domain
from lean_agent_planners.cli.learning import learn_domain
from lean_agent_planners.cli.listing import list_domains
from lean_agent_planners.cli.solving import solve_instance

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Solve search problems by planners that are written once: no model call an instance.",
)
app.command("list")(list_domains)
app.command("learn")(learn_domain)
app.command("solve")(solve_instance)
app.command("bench")(bench_domain)
