"""``lean-agent ask``: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import Failure, usage_error
from lean_agent.cli.inputs import question_from
from lean_agent.cli.run_flags import with_run_flags
from lean_agent.cli.streams import emit
from lean_agent.cli.text import to_json

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable

    from lean_agent.agent import Agent
    from lean_agent.cli.approval import AsksAtTerminal
    from lean_agent.cli.running import Outcome
    from lean_agent.events import Event

__all__ = ["answer_once", "ask", "chosen_form", "empty_object"]

Form = Literal["text", "json", "events"]
"""What standard output is given of a run."""


@with_run_flags
def ask(
    question: Annotated[
        str | None,
        typer.Argument(
            metavar="QUESTION",
            help="What to ask; - or nothing reads standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    options: opt.RunOptions,
    json_: opt.Json = False,
    events: opt.Events = False,
    quiet: opt.Quiet = False,
) -> int:
    """Ask one question. The answer goes to standard output, everything else to standard error."""
    import asyncio

    from lean_agent.cli.weights import need_weights

    form = chosen_form(json_=json_, events=events)
    task = question_from(question)
    options.check()
    if options.mode != "plan":  # which needs no model for a problem that a planner knows
        need_weights(*options.models)
    return asyncio.run(_ask(options, task, form=form, quiet=quiet)).exit_code


def chosen_form(*, json_: bool, events: bool) -> Form:
    """What the flags say.

    Raises:
        ConfigurationError: they ask for two.
    """
    if json_ and events:
        raise usage_error("--json and --events are two forms of one output", "give either")
    return "json" if json_ else "events" if events else "text"


async def _ask(options: opt.RunOptions, task: str, *, form: Form, quiet: bool) -> Outcome:
    from lean_agent.cli.approval import AsksAtTerminal
    from lean_agent.cli.kept_runs import KeptRun, usable_checkpoints
    from lean_agent.cli.making import make_agent
    from lean_agent.cli.mcp.servers import server_tools

    pictures = options.read_pictures()
    checkpoints = await usable_checkpoints(options.checkpoints)
    approve = AsksAtTerminal.if_possible()

    def began(run_id: str) -> None:
        if checkpoints is not None:
            KeptRun(run_id=run_id, question=task, options=options).write()

    async with server_tools() as more:
        agent = make_agent(options, checkpoints=checkpoints, approve=approve, more=more)
        return await answer_once(
            agent,
            lambda stop: agent.stream([task, *pictures], stop=stop),
            form=form,
            quiet=quiet,
            began=began,
            approve=approve,
        )


async def answer_once(
    agent: Agent,
    start: Callable[[asyncio.Event], AsyncGenerator[Event]],
    *,
    form: Form,
    quiet: bool,
    began: Callable[[str], None] | None = None,
    approve: AsksAtTerminal | None = None,
) -> Outcome:
    """Show one run: answer, cost, what went wrong, and how to go on if it is not complete."""
    from lean_agent.cli.event_lines import EventLines
    from lean_agent.cli.kept_runs import settle
    from lean_agent.cli.running import follow, opened
    from lean_agent.cli.view import View

    async with opened(agent):
        events = form == "events"
        view = EventLines(quiet=quiet) if events else View(quiet=quiet, live=form == "text")
        if approve is not None:
            approve.pause = view.pause
        outcome = await follow(start, view, began=began)
        if form == "json":
            view.cost(outcome.result)
            emit(to_json(outcome.to_dict()) + "\n")
        else:
            view.finish(outcome.result, failure=outcome.failure)
        if outcome.failure is not None:
            outcome.failure.print()
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
