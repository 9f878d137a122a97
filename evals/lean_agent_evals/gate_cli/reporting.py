"""``lean-agent gate report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import count, one_line

if TYPE_CHECKING:
    from lean_agent_evals.gate_report import Judged

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
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw foretold against actual pass rates, as SVG."
        ),
    ] = None,
    json_: opt.Json = False,
) -> None:
    """Judge the choices of mode auto: which, against the best in hindsight, and how well foretold.

    The best mode in hindsight is, of the forced arms at a task, the one that passed at the least
    cost, or else the cheapest. Costs are in token units.
    """
    from dataclasses import asdict

    from lean_agent_evals.gate_report import judged

    if plot is not None and plot.suffix != ".svg":
        raise usage_error(f"{plot} is no name of an SVG file", "--plot takes a name in .svg")
    found = judged(folder)
    if plot is not None:
        _draw(found, plot)
    if json_:
        print_json(asdict(found))
    else:
        _tell(found)


def _draw(found: Judged, plot: Path) -> None:
    """
    Raises:
        ConfigurationError: nothing was foretold, or the file cannot be written.
    """
    from lean_agent_evals.gate_plot import reliability_svg

    if found.calibration_error is None:
        raise usage_error(
            "there is nothing to plot: no pass rate was foretold",
            "lean-agent gate calibrate makes a profile, which auto then goes by",
        )
    try:
        plot.write_text(reliability_svg(found.bins, found.calibration_error), encoding="utf-8")
    except OSError as error:
        raise usage_error(f"{plot} cannot be written: {error.strerror}", "choose another") from None
    say(one_line(f"drawn: {plot}"))


def _tell(found: Judged) -> None:
    print_table(
        ("CHOSEN", *(f"BEST: {mode}" for mode in found.modes)),
        [(mode, *row) for mode, row in zip(found.modes, found.confusion, strict=True)],
    )
    if found.overdone is not None:
        emit(f"\n{found.overdone:.0%} of the tasks that instant passes began in another mode\n")
    told = count(found.tasks, "task")
    emit(f"\n{told}; a failure costs {found.failure_cost:,.0f} token units.\n\n")
    print_table(
        ("", "PASS RATE", "COST", "COST OF A PASS", "FAILURE-PRICED COST"),
        [
            (name, one.pass_rate, one.cost, one.cost_of_pass, one.priced)
            for name, one in found.arms.items()
        ],
    )
    gap = found.gap
    times = "-" if gap.cost_ratio is None else f"{gap.cost_ratio:.2f}"
    emit(
        f"\ngap to the best forced mode of each task: {100 * gap.pass_rate:.1f} points of the pass "
        f"rate, {times} times its cost, {gap.priced:,.0f} failure-priced\n"
    )
    mixed = found.cheapest_mixture
    told = "no mixture of forced modes passes as many as auto"
    if mixed is not None:
        told = (
            f"the cheapest mixture of forced modes that passes as many as auto costs {mixed:,.0f}"
        )
    emit(f"{told}\n\n")
    print_table(
        ("WHAT AUTO IS TO KEEP", "MEASURED", "BOUND", "KEPT"),
        [(one.what, one.measured, f"{one.side} {one.bound:.2f}", one.held) for one in found.bounds],
    )
    if found.calibration_error is not None:
        emit("\nForetold and actual pass rates of the ways taken, with 95 % intervals:\n\n")
        print_table(
            ("FORETOLD", "ACTUAL", "FROM", "TO", "TASKS", ""),
            [
                (one.foretold, one.actual, one.low, one.high, one.tasks, one.bar)
                for one in found.bins
            ],
        )
        emit(f"\nexpected calibration error {found.calibration_error:.3f}\n")
