"""``lean-agent plan solve``: one instance of a domain, or a task in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clean, one_line
from lean_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from lean_agent import Agent
    from lean_agent_planners.unknown_domains.devising import Devised

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
    domain: Annotated[
        str | None, typer.Argument(metavar="DOMAIN", help="A name of `plan list`, or a file.")
    ] = None,
    instance: Annotated[
        str | None,
        typer.Argument(metavar="INSTANCE", help="The instance's text, or a file that holds it."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TEXT", help="A task in words instead of both."),
    ] = None,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    usd: opt.BudgetUsd = None,
    tokens: opt.MaxTokens = None,
    learned: Learned = False,
    json_: opt.Json = False,
) -> int:
    """Solve one instance, and check the plan independently of the planner.

    A --task of no known domain is written down by the model, and what comes of it is unverified.
    Ends with 1 where it is neither solved nor shown to be unsolvable.
    """
    import asyncio

    if task is not None:
        if domain is not None:
            raise ConfigurationError("--task stands instead of DOMAIN and INSTANCE")
        found = _recognised(task)
        if found is None:
            return _devised(task, model, base_url, usd, tokens, as_json=json_)
        domain, instance = found
        say(f"note: a problem of the domain {domain}")
    elif domain is None or instance is None:
        raise ConfigurationError(
            "DOMAIN and INSTANCE are needed", hint="or a task in words: --task TEXT"
        )
    else:
        instance = _text(instance)

    from lean_agent_planners.library import learned_planner, load_domain, stored_planner
    from lean_agent_planners.solving import solve

    loaded = load_domain(domain)
    planner = learned_planner(loaded) if learned else stored_planner(loaded)
    solution = asyncio.run(solve(loaded, planner, instance))
    return _told(solution.status, solution.answer, solution.problem, solution.to_dict(), json_)


def _told(
    status: str, answer: str | None, problem: str, whole: dict[str, Any], as_json: bool
) -> int:
    if as_json:
        print_json(whole)
    else:
        emit(f"{clean(answer or status)}\n")
    if problem:
        say(one_line(f"note: {problem}"))
    return 0 if status in ("solved", "unsolvable") else 1


def _recognised(task: str) -> tuple[str, str] | None:
    """The domain and the instance that the task holds."""
    from lean_agent_planners.domain_planner import domain_planner

    found = domain_planner.recognise(task, forced=True)
    return None if found is None else (found.domain, found.instance)


def _devised(
    task: str, model: str, base_url: str | None, usd: Any, tokens: int | None, *, as_json: bool
) -> int:
    import asyncio

    from lean_agent import Agent, Budget
    from lean_agent.arguments import checked_task
    from lean_agent.cli.weights import need_weights

    checked_task(task)
    need_weights(model)
    agent = Agent(model=model, base_url=base_url, budget=Budget(usd=usd, tokens=tokens))
    devised = asyncio.run(_devise(task, agent))
    return _told(devised.status, devised.answer, devised.evidence, devised.to_dict(), as_json)


async def _devise(task: str, agent: Agent) -> Devised:
    from lean_agent_planners.unknown_domains.devising import devise

    async with agent, agent.metered("plan") as generate:
        return await devise(task, generate)


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
