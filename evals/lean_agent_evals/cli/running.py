"""``lean-agent eval run``."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json
from lean_agent.cli.text import count as counted
from lean_agent_evals.cli.ending import tell_end, to_go_on
from lean_agent_evals.cli.evaluating import evaluated
from lean_agent_evals.cli.going_on import going_on, written
from lean_agent_evals.cli.options import Count, SplitChoice, SuiteName, at_least_zero

if TYPE_CHECKING:
    from lean_agent import Model
    from lean_agent_evals.arms import Arm
    from lean_agent_evals.config import RunConfig
    from lean_agent_evals.results import ResultsFolder
    from lean_agent_evals.suite import Suite

__all__ = ["run_suite"]

_STEPS = 20


def run_suite(
    context: typer.Context,
    suite: SuiteName,
    split: SplitChoice = "dev",
    count: Count = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Which tasks, and the model's seed.")
    ] = 0,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="MODES",
            help="auto, instant, reason, reason/STRATEGY, agent, plan, or a baseline: react,"
            " langchain, smolagents, pydantic-ai, openai-agents; several to compare, with commas"
            " between.",
        ),
    ] = "auto",
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", min=1, help="Attempts at each task.")
    ] = 1,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", metavar="T", parser=at_least_zero, help="Of every call."),
    ] = 0.0,
    steps: Annotated[
        int,
        typer.Option("--max-steps-per-sample", metavar="N", min=1, help="Steps of an attempt."),
    ] = _STEPS,
    tool_calls: Annotated[
        int | None,
        typer.Option("--max-tool-calls-per-sample", metavar="N", min=0, help="Of an attempt."),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option("--max-tokens-per-sample", metavar="N", min=1, help="In and out."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds-per-sample", metavar="S", parser=at_least_zero, help="Of an attempt."
        ),
    ] = None,
    usd: Annotated[
        Decimal | None,
        typer.Option(
            "--max-usd-per-sample", metavar="USD", parser=opt.amount, help="Of an attempt."
        ),
    ] = None,
    budget_usd: Annotated[
        Decimal | None,
        typer.Option(
            "--budget-usd", metavar="USD", parser=opt.amount, help="All attempts together."
        ),
    ] = None,
    budget_tokens: Annotated[
        int | None,
        typer.Option("--budget-tokens", metavar="N", min=1, help="All attempts together."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            metavar="N",
            min=1,
            help="Attempts at once; as many as the embedded engine has slots, or 8, if left out.",
        ),
    ] = None,
    tiered: Annotated[
        bool,
        typer.Option(
            "--tiered/--no-tiered",
            help="Begin with 20 tasks, and add more only until the arms are ranked.",
        ),
    ] = False,
    executor: Annotated[
        Literal["local", "ray"],
        typer.Option("--executor", help="In this process, or on a Ray cluster (extra [ray])."),
    ] = "local",
    failure_cost: Annotated[
        float | None,
        typer.Option(
            "--failure-cost",
            metavar="COST",
            parser=at_least_zero,
            help="The price of an unsolved task; ten times the agent mode's cost if left out.",
        ),
    ] = None,
    quality_floor: Annotated[
        float,
        typer.Option(
            "--quality-floor",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Arms that pass less are out of the report's comparison.",
        ),
    ] = 0.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Results folder; a new one if left out."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in --out, under its own options.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it can cost at most.")
    ] = False,
    json_: opt.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Run a suite, and write what each attempt came to and cost into a folder.

    Whatever ends a run, --resume goes on with it and pays for nothing twice. With --resume, modes,
    tasks and epochs may be added and budgets raised.
    """
    import asyncio

    from lean_agent import Budget, LeanAgentError
    from lean_agent.cli.weights import need_weights
    from lean_agent.models.registry import resolve_model
    from lean_agent_evals.arms import arm_named
    from lean_agent_evals.config import RunConfig
    from lean_agent_evals.registry import full_name, open_suite
    from lean_agent_evals.results import ResultsFolder

    asked = RunConfig(
        suite=full_name(suite),
        split=split,
        seed=seed,
        count=count,
        arms=tuple(name.strip() for name in mode.split(",")),
        model=model,
        base_url=base_url,
        epochs=epochs,
        sample_budget=Budget(
            usd=usd, tokens=tokens, steps=steps, tool_calls=tool_calls, seconds=seconds
        ),
        budget=Budget(usd=budget_usd, tokens=budget_tokens),
        concurrency=concurrency,
        temperature=temperature,
        failure_cost=failure_cost,
        quality_floor=quality_floor,
        tiered=tiered,
        executor=executor,
    )
    folder = ResultsFolder(_folder(out, suite, resume=resume))
    config = going_on(asked, folder.config(), written(context)) if folder.begun else asked
    arms = [arm_named(name) for name in config.arms]
    opened = open_suite(config.suite)
    resolved = resolve_model(config.model, base_url=config.base_url)
    if dry_run:
        _tell_bounds(config, folder, opened, resolved, arms, as_json=json_)
        return 0
    need_weights(config.model)
    try:
        end = asyncio.run(evaluated(config, folder, opened, resolved, arms, quiet=quiet or json_))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # a second Ctrl-C: the end was not waited for
    except LeanAgentError as error:
        if folder.begun:
            after = f"to go on: {to_go_on(suite, folder)}"
            error.hint = f"{error.hint}; {after}" if error.hint else after
        raise
    return tell_end(end, config, folder, go_on=to_go_on(suite, folder), as_json=json_)


def _folder(out: Path | None, suite: str, *, resume: bool) -> Path:
    """Where the results go.

    Raises:
        ConfigurationError: a run was begun there and is not to go on, or was not and is.
    """
    from lean_agent import ConfigurationError
    from lean_agent_evals.results import ResultsFolder

    if out is None:
        if resume:
            raise ConfigurationError("--resume goes on in a folder", hint="name it with --out DIR")
        kind = Path(suite.partition(":")[0]).stem
        return Path("results") / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    if ResultsFolder(out).begun and not resume:
        raise ConfigurationError(
            f"{out} holds a run", hint="go on with it with --resume, or choose another folder"
        )
    if resume and not ResultsFolder(out).begun:
        raise ConfigurationError(f"no run was begun in {out}", hint="leave --resume out")
    return out


def _tell_bounds(
    config: RunConfig,
    folder: ResultsFolder,
    suite: Suite,
    model: Model,
    arms: list[Arm],
    *,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from lean_agent.models.pricing import PriceTable
    from lean_agent_evals.estimate import estimate
    from lean_agent_evals.results import read_outcomes
    from lean_agent_evals.runner import check_priced

    prices = PriceTable()
    check_priced(config, model, prices)
    bounds = estimate(
        config,
        suite=suite,
        model=model,
        arms=arms,
        prices=prices,
        outcomes=read_outcomes(folder.path),
    )
    if as_json:
        print_json(asdict(bounds))
        return
    over = f" ({bounds.over} are over)" if bounds.over else ""
    cost = "an unknown cost (unpriced)" if bounds.usd is None else f"${bounds.usd:,.4f}"
    if not bounds.usd and bounds.usd is not None:
        cost = "$0 (self-hosted, no rate set)"
    emit(
        f"{counted(bounds.tasks, 'task')}, {counted(bounds.samples, 'attempt')}{over}; at most "
        f"{counted(bounds.calls, 'call')}, {bounds.tokens:,} tokens and {cost}\n"
    )
