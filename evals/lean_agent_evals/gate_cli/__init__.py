"""``lean-agent gate``. Nothing heavy is loaded before a command needs it."""

from __future__ import annotations

import typer

from lean_agent_evals.gate_cli.calibrating import calibrate
from lean_agent_evals.gate_cli.explaining import explain
from lean_agent_evals.gate_cli.fitting import fit_profile
from lean_agent_evals.gate_cli.reporting import report

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="What chooses the mode of a run: measure it, look at it, judge it.",
)
app.command("calibrate")(calibrate)
app.command("explain")(explain)
app.command("fit")(fit_profile)
app.command("report")(report)
