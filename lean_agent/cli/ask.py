"""``lean-agent ask``: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import Failure
from lean_agent.cli.inputs import question_from
from lean_agent.cli.streams import emit
from lean_agent.cli.text import to_json

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable

    from lean_agent.agent import Agent
    from lean_agent.cli.approval import AsksAtTerminal
    from lean_agent.cli.running import Outcome
    from lean_agent.events import Event

__all__ = ["answer_once", "ask", "empty_object"]


def ask(
    question: Annotated[
        str | None,
        typer.Argument(
            metavar="QUESTION",
            help="What to ask; - or nothing reads standard input.",
            show_default=False,
        ),
    ] = None,
    corpus: opt.Corpus = None,
    file: opt.Files = None,
    tool: opt.ToolNames = None,
    allow: opt.Allow = None,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    mode: opt.ModeChoice = "auto",
    reasoning: opt.ReasoningName = "plain",
    quality: opt.QualityName = "balanced",
    system: opt.System = "",
    budget_usd: opt.BudgetUsd = None,
    max_tokens: opt.MaxTokens = None,
    max_steps: opt.MaxSteps = None,
    max_seconds: opt.MaxSeconds = None,
    cache: opt.Cache = False,
    show_budget: opt.ShowBudget = False,
    record: opt.Record = False,
    memory: opt.WithMemory = False,
    json_: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Ask one question. The answer goes to standard output, everything else to standard error."""
    import asyncio

    from lean_agent.cli.weights import need_weights

    task = question_from(question)
    options = opt.RunOptions(
        model=model,
        base_url=base_url,
        mode=mode,
        reasoning=reasoning,
        quality=quality,
        system=system,
        corpus=corpus,
        files=file or [],
        tools=tool or [],
        allow=allow or [],
        budget_usd=budget_usd,
        max_tokens=max_tokens,
        max_steps=max_steps,
        max_seconds=max_seconds,
        cache=cache,
        show_budget=show_budget,
        record=record,
        memory=memory,
    )
    options.check()
    if options.mode != "plan":  # which needs no model for a problem that a planner knows
        need_weights(options.model)
    outcome = asyncio.run(_ask(options, task, as_json=json_, quiet=quiet))
    if outcome.failure is not None:
        outcome.failure.print()
    return outcome.exit_code


async def _ask(options: opt.RunOptions, task: str, *, as_json: bool, quiet: bool) -> Outcome:
    from lean_agent.cli.approval import AsksAtTerminal
    from lean_agent.cli.kept_runs import KeptRun, usable_checkpoints

    checkpoints = await usable_checkpoints()
    approve = AsksAtTerminal.if_possible()
    agent = options.make_agent(checkpoints=checkpoints, approve=approve)

    def began(run_id: str) -> None:
        if checkpoints is not None:
            KeptRun(run_id=run_id, question=task, options=options).write()

    return await answer_once(
        agent,
        lambda stop: agent.stream(task, stop=stop),
        as_json=as_json,
        quiet=quiet,
        began=began,
        approve=approve,
    )


async def answer_once(
    agent: Agent,
    start: Callable[[asyncio.Event], AsyncGenerator[Event]],
    *,
    as_json: bool,
    quiet: bool,
    began: Callable[[str], None] | None = None,
    approve: AsksAtTerminal | None = None,
) -> Outcome:
    """Show one run, its answer and its cost, and how to go on with it if it is not complete."""
    from lean_agent.cli.kept_runs import settle
    from lean_agent.cli.running import follow, opened
    from lean_agent.cli.view import View

    async with opened(agent):
        view = View(quiet=quiet, live=not as_json)
        if approve is not None:
            approve.pause = view.pause
        outcome = await follow(start, view, began=began)
        if as_json:
            view.cost(outcome.result)
            emit(to_json(outcome.to_dict()) + "\n")
        else:
            view.finish(outcome.result)
        if hint := settle(outcome.result):
            view.note(hint, always=True)
    return outcome


def empty_object(failure: Failure) -> dict[str, object]:
    """The object of ``ask --json`` where no run began."""
    from lean_agent.result import RunResult
    from lean_agent.usage import Usage

    nothing = RunResult(
        output="",
        messages=(),
        usage=Usage(),
        mode="auto",
        exit_status="failed",
        steps=0,
        tool_calls=0,
        seconds=0.0,
        run_id="",
    )
    return {**nothing.to_dict(), "error": failure.to_dict()}
