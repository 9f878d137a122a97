"""``lean-agent plan solve``: one instance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.errors import ConfigurationError

__all__ = ["DomainName", "Learned", "solve_instance"]

_LONGEST_NAME = 1000
_LARGEST_FILE = 1_000_000

Learned = Annotated[
    bool, typer.Option("--learned", help="Use the planner that `plan learn` has kept.")
]
DomainName = Annotated[
    str, typer.Argument(metavar="DOMAIN", help="A name of `plan list`, or a file.")
]


def solve_instance(
    domain: DomainName,
    instance: Annotated[
        str,
        typer.Argument(metavar="INSTANCE", help="The instance's text, or a file that holds it."),
    ],
    learned: Learned = False,
    json_: opt.Json = False,
) -> int:
    """Solve one instance, and check the plan independently of the planner.

    Ends with 1 where it is neither solved nor shown to be unsolvable.
    """
    import asyncio

    from lean_agent_planners.library import learned_planner, load_domain, stored_planner
    from lean_agent_planners.solving import solve

    loaded = load_domain(domain)
    planner = learned_planner(loaded) if learned else stored_planner(loaded)
    solution = asyncio.run(solve(loaded, planner, _text(instance)))
    if json_:
        print_json(solution.to_dict())
    elif solution.answer is not None:
        emit(f"{solution.answer}\n")
    else:
        emit(f"{solution.status}\n")
    if solution.problem:
        say(f"note: {solution.problem}")
    return 0 if solution.status in ("solved", "unsolvable") else 1


def _text(instance: str) -> str:
    """The file's content if there is such a file."""
    if "\n" in instance or "\0" in instance or len(instance) > _LONGEST_NAME:
        return instance
    path = Path(instance)
    try:
        if not path.is_file():
            return instance
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigurationError(f"{path} is too large", hint="an instance is a short text")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
