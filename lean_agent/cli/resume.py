"""``lean-agent resume``: go on with a run that is not complete."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import completing
from lean_agent.cli import options as opt
from lean_agent.cli.ask import answer_once, chosen_form
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import clip

if TYPE_CHECKING:
    from lean_agent.cli.running import Outcome

__all__ = ["resume"]

_QUESTION_COLUMNS = 40


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="The run's id, or how it begins; the newest if left out.",
            show_default=False,
            autocompletion=completing.runs,
        ),
    ] = None,
    budget_usd: opt.BudgetUsd = None,
    max_tokens: opt.MaxTokens = None,
    max_steps: opt.MaxSteps = None,
    max_seconds: opt.MaxSeconds = None,
    checkpoints: opt.Checkpoints = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the runs there are.")] = False,
    json_: opt.Json = False,
    events: opt.Events = False,
    quiet: opt.Quiet = False,
) -> int:
    """Go on with a run that a limit, Ctrl-C or a crash ended, under its own options.

    A limit caps the whole run, what it spent before included; those left out stay as they were.
    """
    import asyncio

    from lean_agent.cli.kept_runs import find
    from lean_agent.cli.places import place_of
    from lean_agent.cli.weights import need_weights

    if list_:
        return _list(as_json=json_)
    form = chosen_form(json_=json_, events=events)
    kept = find(run)
    given = {
        "budget_usd": budget_usd,
        "max_tokens": max_tokens,
        "max_steps": max_steps,
        "max_seconds": max_seconds,
        "checkpoints": checkpoints,
    }
    options = replace(kept.options, **{k: v for k, v in given.items() if v is not None})  # pyright: ignore[reportArgumentType]
    options.check()
    if options.mode != "plan":  # which needs no model for a problem that a planner knows
        need_weights(*options.models)

    async def go_on() -> Outcome:
        from lean_agent.cli.approval import AsksAtTerminal
        from lean_agent.cli.making import make_agent
        from lean_agent.cli.mcp.servers import server_tools

        approve = AsksAtTerminal.if_possible()
        place = place_of(options.checkpoints)
        async with server_tools() as more:
            agent = make_agent(options, checkpoints=place, approve=approve, more=more)
            return await answer_once(
                agent,
                lambda stop: agent.resume_stream(kept.run_id, stop=stop),
                form=form,
                quiet=quiet,
                began=lambda _run_id: replace(kept, options=options).write(),
                approve=approve,
            )

    return asyncio.run(go_on()).exit_code


def _list(*, as_json: bool) -> int:
    from lean_agent.cli.kept_runs import kept_runs

    runs = kept_runs()
    if as_json:
        print_json(
            [{"run_id": r.run_id, "started": r.started, "question": r.question} for r in runs]
        )
    elif runs:
        print_table(
            ("RUN", "STARTED (UTC)", "QUESTION"),
            [
                (
                    run.run_id[:12],
                    time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(run.started)),
                    clip(run.question, _QUESTION_COLUMNS),
                )
                for run in runs
            ],
        )
    else:
        say("there is no run to resume")
    return 0
