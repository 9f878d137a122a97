"""What is told of a run when it ends, and how to go on with it."""

from __future__ import annotations

import math
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from lean_agent.cli.failures import EXIT_INTERRUPTED, EXIT_LIMIT
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import count as counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lean_agent_evals.config import RunConfig
    from lean_agent_evals.outcome import Outcome
    from lean_agent_evals.results import ResultsFolder
    from lean_agent_evals.runner import RunEnd, Why

__all__ = ["tell_end", "to_go_on"]

_CODES: Final[Mapping[Why, int]] = {
    "complete": 0,
    "ranked": 0,
    "interrupted": EXIT_INTERRUPTED,
    "budget": EXIT_LIMIT,
    "failures": 1,
}
_TOLD: Final[Mapping[Why, str]] = {
    "complete": "",
    "ranked": "no more tasks are needed to rank the arms by the cost of a pass: ",
    "interrupted": "interrupted: ",
    "budget": "the budget of the run is used up: ",
    "failures": "every attempt fails: ",
}


_TO_GO_ON: Final[Mapping[Why, str]] = {
    "budget": " --budget-usd USD or --budget-tokens N",
    "ranked": " --no-tiered",
}


def tell_end(
    end: RunEnd, config: RunConfig, folder: ResultsFolder, *, go_on: str, as_json: bool
) -> int:
    """Tell it, write the report, and give the exit code. ``go_on`` is what goes on with the run."""
    from lean_agent_evals import report
    from lean_agent_evals.results import read_outcomes

    outcomes = [o for o in read_outcomes(folder.path).values() if o.arm in config.arms]
    exit_code = 1 if end.why == "complete" and end.failed else _CODES[end.why]
    page = str(report.write(folder.path)) if outcomes else None
    if as_json:
        print_json(
            {
                "why": end.why,
                "attempts": end.total,
                "counting": end.counting,
                "failed": end.failed,
                "tokens": end.spent.tokens,
                "usd": end.spent.usd,
                "out": str(folder.path),
                "report": page,
                "go_on": go_on if end.counting < end.total else None,
                "arms": _summaries(outcomes, config.arms),
            }
        )
        return exit_code
    if outcomes:
        _print_summary(outcomes, config.arms)
    line = f"{_TOLD[end.why]}{end.counting} of {counted(end.total, 'attempt')} are over"
    failed = f", {counted(end.failed, 'infrastructure failure')} apart" if end.failed else ""
    say(f"{line}{failed}; results in {folder.path}")
    if page:
        say(f"report: {page}")
    if end.counting < end.total:
        say(f"to go on: {go_on}{_TO_GO_ON.get(end.why, '')}")
    return exit_code


def to_go_on(suite: str, folder: ResultsFolder) -> str:
    """The command that goes on with a run."""
    return f"lean-agent eval run {quote(suite)} --out {quote(str(folder.path))} --resume"


def _summaries(outcomes: Sequence[Outcome], arms: Sequence[str]) -> list[dict[str, Any]]:
    """Some figures of each arm, costs in the unit that all of them have."""
    from lean_agent_evals.figures import summarise
    from lean_agent_evals.table import common_unit

    unit = common_unit(outcomes)
    found: list[dict[str, Any]] = []
    for arm in arms:
        mine = [outcome for outcome in outcomes if outcome.arm == arm]
        if mine:
            summary = summarise(mine, unit=unit)
            # JSON has no infinite numbers.
            figures = {n: "inf" if v == math.inf else v for n, v in summary.figures.items()}
            found.append(
                {"arm": arm, "unit": unit, "endings": dict(summary.endings), "figures": figures}
            )
    return found


_SHOWN = {
    "pass_rate": "PASSED",
    "cost": "COST",
    "cost_of_pass": "COST OF A PASS",
    "S@All": "STEPS",
    "tool_calls@All": "TOOL CALLS",
    "seconds": "SECONDS",
}


def _print_summary(outcomes: Sequence[Outcome], arms: Sequence[str]) -> None:
    found = _summaries(outcomes, arms)
    unit = "US dollars" if found[0]["unit"] == "usd" else "token units"
    rows = [
        (arm["arm"], _attempts(arm["endings"]), *(_cell(arm["figures"][n]) for n in _SHOWN))
        for arm in found
    ]
    print_table(("ARM", "ATTEMPTS", *_SHOWN.values()), rows)
    say(f"costs in {unit}")


def _attempts(endings: Mapping[str, int]) -> str:
    """Those that the figures are of."""
    made = sum(endings.values())
    counting = made - endings.get("infrastructure", 0)
    return str(made) if counting == made else f"{counting} of {made}"


def _cell(value: float | str | None) -> str | None:
    return value if value is None or isinstance(value, str) else f"{value:,.4g}"
