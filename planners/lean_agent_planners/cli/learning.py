"""``lean-agent plan learn``: have a model write a domain's planner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent_planners.cli.solving import DomainName

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from lean_agent import Budget
    from lean_agent.model import ModelRequest, ModelResponse
    from lean_agent.runtime.metered import Metered
    from lean_agent.usage import Usage
    from lean_agent_planners.domain import Domain
    from lean_agent_planners.thought_of_search.learning import Ask, Learned

__all__ = ["learn_domain"]


def learn_domain(
    domain: DomainName,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="PROVIDER:NAME",
            envvar="LEAN_AGENT_MODEL",
            help="Repeat it for models that go on where the one before has used up its calls.",
        ),
    ] = None,
    base_url: opt.BaseUrl = None,
    calls: Annotated[
        int, typer.Option("--calls", metavar="N", min=2, help="Calls of each model at most.")
    ] = 30,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="The models', of the first call.")
    ] = 0,
    usd: opt.BudgetUsd = None,
    tokens: opt.MaxTokens = None,
    json_: opt.Json = False,
) -> int:
    """Have a model write the functions of a domain, until they pass its tests.

    What passes is kept for `plan solve --learned`. Ends with 1 where nothing did.
    """
    import asyncio

    from lean_agent import Budget
    from lean_agent.cli.weights import need_weights
    from lean_agent_planners.library import Making, keep, load_domain

    loaded = load_domain(domain)
    models = model or [opt.DEFAULT_MODEL]
    for name in models:
        need_weights(name)
    budget = Budget(usd=usd, tokens=tokens)
    learned, usage = asyncio.run(_learned(loaded, models, base_url, budget, calls, seed))
    making = Making(
        model=", ".join(models[: learned.writer + 1]),
        seed=seed,
        calls=learned.calls,
        tokens=usage.total_tokens,
        cost=None if usage.cost is None else format(usage.cost, "f"),
        seconds=round(learned.seconds, 3),
    )
    kept = None if learned.code is None else keep(loaded, learned.code, making)
    if json_:
        told = {"learned": kept is not None, **making.model_dump()}
        print_json({**told, "failed": list(learned.failed), "code": learned.code})
    elif kept is None:
        say(f"no planner in {learned.calls} calls, {usage.total_tokens:,} tokens")
    else:
        emit(learned.code or "")
        say(kept.provenance)
    return 0 if kept is not None else 1


async def _learned(
    domain: Domain, models: list[str], base_url: str | None, budget: Budget, calls: int, seed: int
) -> tuple[Learned, Usage]:
    """What was learned, and what all calls for it came to."""
    from contextlib import AsyncExitStack

    from lean_agent_planners.thought_of_search.learning import learn

    opened: list[Metered] = []
    async with AsyncExitStack() as stack:
        asks = [_asker(name, base_url, budget, opened, stack) for name in models]
        learned = await learn(domain, *asks, calls=calls, seed=seed, tell=say)
    return learned, _spent(opened)


def _asker(
    model: str, base_url: str | None, budget: Budget, opened: list[Metered], stack: AsyncExitStack
) -> Ask:
    """Opened at its first call: its budget is what the models before it have left."""
    own: list[Metered] = []

    async def ask(request: ModelRequest) -> ModelResponse:
        from lean_agent import Agent

        if not own:
            agent = Agent(model=model, base_url=base_url, budget=_left(budget, _spent(opened)))
            await stack.enter_async_context(agent)
            own.append(await stack.enter_async_context(agent.metered("plan")))
            opened.extend(own)
        return await own[0](request)

    return ask


def _spent(opened: list[Metered]) -> Usage:
    from lean_agent.usage import Usage

    return sum((one.usage for one in opened), Usage())


def _left(budget: Budget, spent: Usage) -> Budget:
    from lean_agent import Budget

    usd, tokens = budget.usd, budget.tokens
    if usd is not None and spent.cost is not None:
        usd = max(usd - spent.cost, spent.cost * 0)
    if tokens is not None:
        tokens = max(tokens - spent.total_tokens, 0)
    return Budget(usd=usd, tokens=tokens)
