"""``lean-agent plan learn``: have a model write a domain's planner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent_planners.cli.solving import DomainName

if TYPE_CHECKING:
    from lean_agent import Agent
    from lean_agent_planners.domain import Domain
    from lean_agent_planners.thought_of_search.learning import Learned

__all__ = ["learn_domain"]


def learn_domain(
    domain: DomainName,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    calls: Annotated[
        int, typer.Option("--calls", metavar="N", min=2, help="Model calls at most.")
    ] = 30,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="The model's, of the first attempt.")
    ] = 0,
    usd: opt.BudgetUsd = None,
    tokens: opt.MaxTokens = None,
    json_: opt.Json = False,
) -> int:
    """Have a model write the functions of a domain, until they pass its tests.

    What passes is kept for `plan solve --learned`. Ends with 1 where nothing did.
    """
    import asyncio

    from lean_agent import Agent, Budget
    from lean_agent.cli.weights import need_weights
    from lean_agent_planners.library import Making, keep, load_domain

    loaded = load_domain(domain)
    need_weights(model)
    agent = Agent(model=model, base_url=base_url, budget=Budget(usd=usd, tokens=tokens))
    learned = asyncio.run(_learned(loaded, agent, calls, seed))
    usage = learned.usage
    making = Making(
        model=agent.model.name,
        seed=seed,
        calls=learned.calls,
        tokens=usage.total_tokens,
        cost=None if usage.cost is None else format(usage.cost, "f"),
        seconds=round(learned.seconds, 3),
    )
    kept = None if learned.code is None else keep(loaded, learned.code, making)
    if json_:
        told = {"learned": kept is not None, **making.model_dump(), "attempts": learned.attempts}
        print_json({**told, "failed": list(learned.failed), "code": learned.code})
    elif kept is None:
        say(f"no planner in {learned.calls} calls, {usage.total_tokens:,} tokens")
    else:
        emit(learned.code or "")
        say(kept.provenance)
    return 0 if kept is not None else 1


async def _learned(domain: Domain, agent: Agent, calls: int, seed: int) -> Learned:
    from lean_agent_planners.thought_of_search.learning import learn

    async with agent, agent.metered("plan") as generate:
        return await learn(domain, generate, calls=calls, seed=seed, tell=say)
