"""``lean-agent gate report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table

__all__ = ["report"]


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder with the arm auto and forced modes.",
            show_default=False,
        ),
    ],
    json_: opt.Json = False,
) -> None:
    """Judge the choices of mode auto: which, against the best in hindsight, and how well foretold.

    The best mode in hindsight is, of the forced arms at a task, the one that passed at the least
    cost, or else the cheapest.
    """
    from dataclasses import asdict

    from lean_agent_evals.gate_report import judged

    found = judged(folder)
    if json_:
        print_json(asdict(found))
        return
    print_table(
        ("CHOSEN", *(f"BEST: {mode}" for mode in found.modes)),
        [(mode, *row) for mode, row in zip(found.modes, found.confusion, strict=True)],
    )
    emit(f"\n{found.tasks} tasks; a failure costs {found.failure_cost:,.0f} token units.\n")
    print_table(
        ("", "PASS RATE", "COST", "FAILURE-PRICED COST"),
        [(name, one.pass_rate, one.cost, one.priced) for name, one in found.arms.items()],
    )
    mixed = found.cheapest_mixture
    told = "no mixture of two forced modes passes as many"
    if mixed is not None:
        told = f"the cheapest mixture of two forced modes that passes as many costs {mixed:,.0f}"
    emit(f"\n{told}.\n")
    if found.bins:
        emit("\nForetold and actual pass rates of the ways taken:\n")
        print_table(
            ("FORETOLD", "ACTUAL", "TASKS", ""),
            [(one.foretold, one.actual, one.tasks, one.bar) for one in found.bins],
        )
        emit(f"\nexpected calibration error {found.calibration_error:.3f}\n")
