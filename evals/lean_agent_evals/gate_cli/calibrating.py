"""``lean-agent gate calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent_evals.cli.options import SuiteName

__all__ = ["calibrate"]

_TASKS = 60
_STEPS = 8
_TOKENS = 12_000


def calibrate(
    suite: SuiteName,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="So many tasks.")
    ] = _TASKS,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", min=1, help="Attempts at each, in each mode.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Which tasks.")] = 0,
    steps: Annotated[
        int,
        typer.Option("--max-steps-per-sample", metavar="N", min=1, help="Steps of an attempt."),
    ] = _STEPS,
    tokens: Annotated[
        int,
        typer.Option("--max-tokens-per-sample", metavar="N", min=1, help="In and out."),
    ] = _TOKENS,
    budget_tokens: Annotated[
        int | None,
        typer.Option("--budget-tokens", metavar="N", min=1, help="All attempts together."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, help="Attempts at once.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Results folder; a run that is in it goes on."),
    ] = None,
    json_: opt.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Try development tasks in every mode, and learn from it which mode is worth its cost when.

    Agent is not tried where a task offers no tool. Tasks that a planner recognises are left out:
    there the choice is certain. Whatever ends the trying, the same command goes on with it. The
    profile is kept for the model if, on tasks that it was not fitted to, it is cheaper than the
    free rules; see `gate fit`.
    """
    import asyncio

    from lean_agent import Budget
    from lean_agent.cli.weights import need_weights
    from lean_agent.models.registry import resolve_model
    from lean_agent_evals.arms import arm_named
    from lean_agent_evals.calibrating import Uncertain, calibrated_modes
    from lean_agent_evals.cli.ending import tell_end
    from lean_agent_evals.cli.evaluating import evaluated
    from lean_agent_evals.config import RunConfig
    from lean_agent_evals.gate_cli.fitting import fitted
    from lean_agent_evals.registry import full_name, open_suite
    from lean_agent_evals.results import ResultsFolder

    opened = Uncertain(open_suite(full_name(suite)))
    tasks = opened.tasks("dev", seed=seed, count=count)
    config = RunConfig(
        suite=full_name(suite),
        seed=seed,
        count=count,
        arms=calibrated_modes(opened, tasks),
        model=model,
        base_url=base_url,
        epochs=epochs,
        sample_budget=Budget(steps=steps, tokens=tokens),
        budget=Budget(tokens=budget_tokens),
        concurrency=concurrency,
    )
    path = out or Path("results") / f"gate-{Path(suite.partition(':')[0]).stem}"
    folder = ResultsFolder(path)
    resolved = resolve_model(config.model, base_url=config.base_url)
    need_weights(config.model)
    arms = [arm_named(name) for name in config.arms]
    try:
        end = asyncio.run(evaluated(config, folder, opened, resolved, arms, quiet=quiet or json_))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # a second Ctrl-C: the end was not waited for
    if end.counting < end.total:
        go_on = f"the same command again, with --out {path}"
        return tell_end(end, config, folder, go_on=go_on, as_json=json_)
    return fitted([path], out=None, keep=True, as_json=json_)
