"""``lean-agent eval compare`` and ``gate``: two arms on the same tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json, print_table
from lean_agent_evals.cli.options import Margin, Results, at_least_zero

if TYPE_CHECKING:
    from lean_agent_evals.bootstrap import Estimate
    from lean_agent_evals.outcome import Outcome

__all__ = ["compare_runs", "gate_runs"]

_EXIT_GATE = 4
_MARGIN = 0.05


def compare_runs(
    new: Results,
    old: Results,
    margin: Margin = _MARGIN,
    failure_cost: Annotated[
        float | None,
        typer.Option(
            "--failure-cost",
            metavar="COST",
            parser=at_least_zero,
            help="The price of an unsolved task, in the unit of the costs.",
        ),
    ] = None,
    json_: opt.Json = False,
) -> None:
    """Compare two arms that were given the same tasks: paired differences with 95 % intervals."""
    from lean_agent_evals.compare import compare
    from lean_agent_evals.table import common_unit

    ours, theirs = _outcomes(new), _outcomes(old)
    found = compare(
        ours,
        theirs,
        unit=common_unit([*ours, *theirs]),
        failure_cost=failure_cost,
        margin=margin,
    )
    if json_:
        print_json(_plain(asdict(found)))
        return
    rows = [
        (
            name,
            _number(change.new.value),
            _number(change.old.value),
            _number(change.difference.value, signed=True),
            _interval(change.difference, signed=True),
            _number(change.ratio.value),
            _interval(change.ratio),
        )
        for name, change in found.figures.items()
        if change.new.value is not None or change.old.value is not None
    ]
    print_table(("FIGURE", "NEW", "OLD", "NEW - OLD", "95 %", "NEW / OLD", "95 %"), rows)
    unit = "US dollars" if found.unit == "usd" else "token units"
    emit(f"\n{found.tasks} tasks; costs in {unit}; accuracy {found.pass_rate.verdict}\n")
    for told, share in (("new", found.dominates), ("old", found.dominated)):
        if share is not None:
            emit(f"{told} dominates with probability {share:.0%}\n")
    for told, tasks in (("passed", found.newly_passed), ("failed", found.newly_failed)):
        if tasks:
            emit(f"newly {told}: {', '.join(tasks)}\n")


def gate_runs(new: Results, old: Results, margin: Margin = _MARGIN, json_: opt.Json = False) -> int:
    """Say whether NEW may replace OLD; ends with 4 if not.

    It may not if accuracy was lost, or if it held and cost-of-pass or the 95th percentile of steps
    rose. Where there are too few tasks to tell, that is said and passes.
    """
    from lean_agent_evals.compare import gate
    from lean_agent_evals.table import common_unit

    ours, theirs = _outcomes(new), _outcomes(old)
    found = gate(ours, theirs, unit=common_unit([*ours, *theirs]), margin=margin)
    if json_:
        print_json({"verdict": found.verdict, "reasons": list(found.reasons)})
    else:
        emit(f"{found.verdict}\n")
        for reason in found.reasons:
            say(reason)
    return _EXIT_GATE if found.verdict == "fail" else 0


def _outcomes(place: str) -> list[Outcome]:
    """The outcomes of the arm that ``DIR:ARM`` or ``DIR`` names.

    Raises:
        ConfigurationError: there is no such folder, or arm, or there are several to choose from.
    """
    from lean_agent import ConfigurationError
    from lean_agent_evals.results import read_outcomes

    folder, arm = Path(place), ""
    if not folder.is_dir() and ":" in place:
        name, _, arm = place.rpartition(":")
        folder = Path(name)
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", hint="name it as DIR or DIR:ARM")
    found = list(read_outcomes(folder).values())
    arms = sorted({outcome.arm for outcome in found})
    if not arms or (arm and arm not in arms):
        what = f"no outcomes of {arm}" if arm else "no outcomes"
        raise ConfigurationError(
            f"{place} holds {what}", hint=f"it has {', '.join(arms)}" if arms else ""
        )
    if not arm and len(arms) > 1:
        raise ConfigurationError(
            f"{place} has several arms: {', '.join(arms)}", hint=f"name one: {place}:{arms[0]}"
        )
    return [outcome for outcome in found if outcome.arm == (arm or arms[0])]


def _number(value: float | None, *, signed: bool = False) -> str | None:
    return None if value is None else f"{value:{'+' if signed else ''},.4g}"


def _interval(estimate: Estimate, *, signed: bool = False) -> str | None:
    low, high = _number(estimate.low, signed=signed), _number(estimate.high, signed=signed)
    return None if low is None or high is None else f"{low} to {high}"


def _plain(value: Any) -> Any:
    """JSON has no infinite numbers; they are given as text."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
