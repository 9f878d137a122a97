"""``lean-agent trajectory stats``: efficiency and waste of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.trajectory.options import FileOrOwn, Good, source
from lean_agent.trajectory.sums import cost_told

if TYPE_CHECKING:
    from lean_agent.trajectory.stats import TrajectoryStats
    from lean_agent.trajectory.waste_report import WasteReport

__all__ = ["stats"]


def stats(
    file: FileOrOwn = None,
    waste: Annotated[
        bool, typer.Option("--waste", help="Also what was wasted, and what that cost.")
    ] = False,
    good: Good = 0.9,
    json_: opt.Json = False,
) -> None:
    """Sum up how accurate and how cheap the trajectories of a file are."""
    from lean_agent.trajectory.files import read_trajectories
    from lean_agent.trajectory.stats import summed

    found = summed(read_trajectories(source(file)), good=good, waste=waste)
    if json_:
        print_json(found.to_dict())
        return
    print_table(("FIGURE", "VALUE"), _figures(found))
    emit("\n")
    print_table(
        ("RUNS", "TOKENS WRITTEN A TASK", "TURNS A TASK", "TOKENS A TURN"),
        [
            (name, runs.tokens.mean, runs.steps.mean, runs.tokens_per_step)
            for name, runs in (("all", found.all_runs), ("passed", found.passed_runs))
        ],
    )
    if found.waste is not None:
        emit("\n")
        _print_waste(found.waste)


def _figures(found: TrajectoryStats) -> list[tuple[str, Any]]:
    figures: list[tuple[str, Any]] = [
        ("trajectories", f"{found.trajectories:,}"),
        ("steps", f"{found.steps:,}"),
        ("passed", f"{found.passed:,}"),
        ("not judged", f"{found.unjudged:,}"),
        ("mean reward", _number(found.rewards.mean)),
        *((group, f"{count:,}") for group, count in sorted(found.groups.items())),
        (f"ISR ({found.isr.known:,} with entities)", _number(found.isr.mean)),
        ("ISE, found entities an action", _number(found.ise.mean)),
        ("ISE as published", _number(found.ise_as_published.mean)),
        ("cost, USD", cost_told(found.cost, found.cost_unknown, found.trajectories)),
    ]
    if found.estimated:
        figures.append(("of estimated tokens", f"{found.estimated:,}"))
    return figures


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _print_waste(report: WasteReport) -> None:
    print_table(
        ("WASTE", "STEPS", "TOKENS", "UNKNOWN", "COST, USD"),
        [
            (
                kind.replace("_", " "),
                found.count,
                found.tokens,
                found.tokens_unknown,
                cost_told(found.cost, found.cost_unknown, found.count),
            )
            for kind, found in report.kinds.items()
        ],
    )
    mean = report.after_answer.mean
    after = "" if mean is None else f"; {mean:,.0f} tokens on average after that"
    emit(f"\n{report.answered:,} wrote the correct answer at some time{after}\n")
