"""``lean-agent eval amortise``: what a planner that a model wrote costs beside other modes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lean_agent_evals.report.measures import ArmFigures, Measures
    from lean_agent_evals.suites.planning.learned import Making

__all__ = ["amortise_making"]

_INSTANCES = (1, 10, 100, 1_000)
_PLAN = "plan"


def amortise_making(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Results of the suite planning, of one domain.", show_default=False
        ),
    ],
    making: Annotated[
        Path,
        typer.Option(
            "--making",
            metavar="PATH",
            help="The folder of tries at learning that domain that bench/learning.py leaves.",
            show_default=False,
        ),
    ],
    json_: opt.Json = False,
) -> None:
    """Say what a solved instance costs with a planner that a model wrote, its making included.

    The planners in the records are run on the tasks of DIR, without a model. What all tries cost,
    also those that came to nothing, is shared among the planners made. An arm "plan" in DIR ran
    with the shipped planner, of which no making is counted: it is shown and not compared.
    """
    import asyncio

    from lean_agent import ConfigurationError
    from lean_agent_evals.registry import open_suite
    from lean_agent_evals.report.measures import measure
    from lean_agent_evals.results import ResultsFolder, read_outcomes
    from lean_agent_evals.suites.planning.learned import making_cost, read_makings, solved_share
    from lean_agent_planners.library import load_domain

    config = ResultsFolder(folder).config()
    outcomes = list(read_outcomes(folder).values())
    arms = {outcome.arm for outcome in outcomes}
    counted = [{o.task_id for o in outcomes if o.arm == arm and o.counts} for arm in arms]
    shared = set[str].intersection(*counted) if counted else set[str]()
    given = open_suite(config.suite).tasks(config.split, seed=config.seed, count=config.count)
    tasks = [task for task in given if task.id in shared]
    if not tasks:
        raise ConfigurationError(f"{folder} has no task that counts in every arm")
    kinds = {task.kind for task in tasks}
    if len(kinds) > 1:
        raise ConfigurationError(
            f"{folder} has tasks of several domains: {', '.join(sorted(kinds))}",
            hint="run the suite on the folder of one domain",
        )
    makings = read_makings(making, load_domain(kinds.pop()))
    measures = measure(
        {**config.to_dict(), "unit": "token_units"}, [o for o in outcomes if o.task_id in shared]
    )
    rate = asyncio.run(solved_share(makings, tasks))
    cost = making_cost(makings)
    told = _told(measures, makings, cost, rate)
    if json_:
        print_json(told)
    else:
        _show(told)


def _told(
    measures: Measures, makings: Sequence[Making], cost: float, rate: float
) -> dict[str, Any]:
    from lean_agent_evals.amortising import amortised, break_even

    # Search calls no model, so an instance itself costs nothing.
    passes = {n: amortised(cost, 0.0, rate, n) for n in _INSTANCES}
    rows: list[dict[str, Any]] = []
    for arm in measures.arms:
        row = _arm(arm)
        if arm.name != _PLAN:
            other = row["cost_of_pass"]
            even = None if other is None else break_even(cost, 0.0, rate, other)
            times = {n: _ratio(other, price) for n, price in passes.items()}
            row |= {"planner_breaks_even_at": even, "times_as_dear": times}
        rows.append(row)
    return {
        "unit": measures.unit,
        "tasks": measures.tasks,
        "learned": {
            "domain": makings[0].domain,
            "model": makings[0].model,
            "tries": len(makings),
            "made": sum(one.code is not None for one in makings),
            "calls": sum(one.calls for one in makings),
            "making_cost": _plain(cost),
            "pass_rate": rate,
            "cost_of_pass": _plain(passes),
        },
        "arms": [{k: _plain(v) for k, v in row.items()} for row in rows],
    }


def _arm(arm: ArmFigures) -> dict[str, Any]:
    found = {name: arm.value(name) for name in ("pass_rate", "cost", "cost_of_pass")}
    tokens = {name: arm.value(f"{name}@All") for name in ("uncached", "cached")}
    return {"arm": arm.name, **found, **tokens, "output": arm.value("T@All")}


def _ratio(other: float | None, price: float) -> float | None:
    """How many times as much a pass costs the other way; None where neither has one."""
    if other is None or math.isinf(price):
        return None
    return math.inf if math.isinf(other) else other / price if price else None


def _plain(value: Any) -> Any:
    """JSON has no infinite numbers; they are given as text."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return "infinite" if isinstance(value, float) and math.isinf(value) else value


def _show(told: dict[str, Any]) -> None:
    unit = "US dollars" if told["unit"] == "usd" else "token units"
    print_table(
        ("ARM", "PASSED", "UNCACHED", "CACHED", "OUTPUT", "COST", "COST OF PASS", "EVEN AT"),
        [
            (
                row["arm"],
                f"{row['pass_rate']:.0%}",
                *(_number(row[name]) for name in ("uncached", "cached", "output", "cost")),
                _price(row["cost_of_pass"]),
                _even(row),
            )
            for row in told["arms"]
        ],
    )
    learned = told["learned"]
    emit(f"\n{told['tasks']} tasks; costs of an instance in {unit}\n")
    emit(
        f"learned by {learned['model']}: {learned['made']} planners of {learned['tries']} tries, "
        f"{learned['calls']} calls"
    )
    if not learned["made"]:
        emit("; none made, so a pass has no finite cost\n")
        return
    emit(f", {_number(learned['making_cost'])} a planner; passes {learned['pass_rate']:.0%}\n\n")
    others = [row for row in told["arms"] if "times_as_dear" in row]
    print_table(
        ("INSTANCES", "COST OF PASS", *(f"{row['arm'].upper()} COSTS" for row in others)),
        [
            (
                f"{n:,}",
                _price(price),
                *(_times(row["times_as_dear"][n]) for row in others),
            )
            for n, price in learned["cost_of_pass"].items()
        ],
    )


def _even(row: dict[str, Any]) -> str:
    if "planner_breaks_even_at" not in row:
        return "not compared"
    even = row["planner_breaks_even_at"]
    return "never" if even is None else f"{even:,}"


def _times(ratio: Any) -> str | None:
    if ratio is None:
        return None
    return "none solved" if ratio == "infinite" else f"{ratio:,.3g} times"


def _price(value: float | str | None) -> str | None:
    return "none solved" if isinstance(value, str) else _number(value)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.4g}"
