"""``lean-agent eval``. Nothing heavy is loaded before a command needs it."""

from __future__ import annotations

import typer

from lean_agent_evals.cli.amortising import amortise_making
from lean_agent_evals.cli.comparing import compare_runs, gate_runs
from lean_agent_evals.cli.reporting import write_report
from lean_agent_evals.cli.running import run_suite
from lean_agent_evals.cli.suites import list_suites, validate_suite

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Run suites of tasks, and say what a solved one costs.",
)
app.command("run")(run_suite)
app.command("list")(list_suites)
app.command("validate")(validate_suite)
app.command("compare")(compare_runs)
app.command("gate")(gate_runs)
app.command("report")(write_report)
app.command("amortise")(amortise_making)
