"""``lean-agent plan bench``: all instances of a data set."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.errors import ConfigurationError
from lean_agent_planners.cli.solving import DomainName, Learned

if TYPE_CHECKING:
    from lean_agent_planners.domain import Domain
    from lean_agent_planners.library import StoredPlanner

__all__ = ["bench_domain"]

_SHOWN = 10


def bench_domain(
    domain: DomainName,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="The folder of the domain's instances.")
    ],
    learned: Learned = False,
    json_: opt.Json = False,
) -> int:
    """Solve every instance of a folder; ends with 1 where one is left unsolved."""
    import asyncio

    from lean_agent_planners.library import learned_planner, load_domain, stored_planner

    loaded = load_domain(domain)
    planner = learned_planner(loaded) if learned else stored_planner(loaded)
    figures, failures = asyncio.run(_bench(loaded, planner, data))
    if json_:
        print_json({**figures, "failures": failures})
    else:
        print_table(("FIGURE", "VALUE"), list(figures.items()))
        for failure in failures[:_SHOWN]:
            say(f"{failure['instance']}: {failure['status']}: {failure['problem']}")
        if len(failures) > _SHOWN:
            say(f"and {len(failures) - _SHOWN} more")
    return 1 if failures else 0


async def _bench(
    domain: Domain, planner: StoredPlanner, data: Path
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """One instance at a time, so that none waits for another's processor."""
    from lean_agent_planners.solving import solve

    instances = domain.instances(data)
    if not instances:
        raise ConfigurationError(f"{data} holds no instance", hint="name another folder")
    await solve(domain, planner, domain.solved)  # the sandbox's start is no instance's time
    milliseconds: list[float] = []
    expansions: list[int] = []
    failures: list[dict[str, str]] = []
    for instance in instances:
        solution = await solve(domain, planner, instance.text)
        milliseconds.append(solution.seconds * 1000)
        expansions.append(solution.expansions)
        status, problem = solution.status, solution.problem
        if instance.answer is not None and solution.answer not in (None, instance.answer):
            status, problem = "unknown", f"{solution.answer} instead of {instance.answer}"
        if status != "solved":
            failures.append({"instance": instance.name, "status": status, "problem": problem})
    figures = {
        "domain": domain.name,
        "planner": planner.provenance,
        "instances": len(instances),
        "solved and validated": len(instances) - len(failures),
        "median ms": round(statistics.median(milliseconds), 2),
        "p95 ms": round(sorted(milliseconds)[int(0.95 * (len(milliseconds) - 1))], 2),
        "max ms": round(max(milliseconds), 2),
        "median expansions": int(statistics.median(expansions)),
        "model calls": 0,
    }
    return figures, failures
