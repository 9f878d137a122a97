"""``lean-agent eval list`` and ``validate``: the suites."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from lean_agent import ConfigurationError
from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent_evals.cli.options import Count, SuiteName

__all__ = ["list_suites", "validate_suite"]


def list_suites(json_: opt.Json = False) -> None:
    """List the installed suites, and the development tasks of those that invent them.

    A suite whose extra is not installed stands there with what to install.
    """
    from lean_agent_evals.registry import offers

    found: list[dict[str, Any]] = []
    for offer in offers():
        row: dict[str, Any] = {"suite": offer.usage, "tasks": None, "levels": {}, "kinds": {}}
        found.append(row)
        if offer.needs_path:
            continue
        try:
            tasks = offer.make().tasks("dev")
        except ConfigurationError as error:
            row["problem"] = f"{error.message}: {error.hint}"
            continue
        row["tasks"] = len(tasks)
        row["levels"] = dict(sorted(Counter(task.level for task in tasks).items()))
        row["kinds"] = dict(sorted(Counter(task.kind for task in tasks).items()))
    if json_:
        print_json(found)
        return
    print_table(
        ("SUITE", "TASKS", "LEVELS", "KINDS"),
        [
            (
                row["suite"],
                row["tasks"],
                _counts(row["levels"]),
                row.get("problem") or _counts(row["kinds"]),
            )
            for row in found
        ],
    )


def _counts(counts: dict[Any, int]) -> str | None:
    return ", ".join(f"{name}: {number}" for name, number in counts.items()) or None


def validate_suite(
    suite: SuiteName,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Check the tasks of seeds 0 to N-1.")
    ] = 1,
    count: Count = None,
    json_: opt.Json = False,
) -> int:
    """Prove without a model that every task can be solved, and not by doing nothing.

    Ends with 1 and a line a problem where that is not so.
    """
    import asyncio

    from lean_agent_evals.check import check_suite
    from lean_agent_evals.registry import open_suite

    opened = open_suite(suite)
    problems = asyncio.run(check_suite(opened, seeds=range(seeds), count=count))
    if json_:
        print_json({"suite": opened.name, "problems": problems})
    else:
        for problem in problems:
            say(problem)
        say(f"{opened.name}: {len(problems)} problems" if problems else f"{opened.name} is valid")
    return 1 if problems else 0
