"""``lean-agent chat``: questions and answers that know of each other."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import EXIT_INTERRUPTED
from lean_agent.cli.streams import is_terminal, say
from lean_agent.cli.text import one_line

if TYPE_CHECKING:
    from lean_agent.cli.chat.conversation import Conversation
    from lean_agent.cli.chat.session import Session

__all__ = ["chat", "converse"]


def chat(
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
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="NAME", help="Go on with a saved session, under its own options."
        ),
    ] = None,
    plain: opt.Plain = False,
    quiet: opt.Quiet = False,
) -> int:
    """Talk to the model. Limits hold for each answer. Piped input is one question a line."""
    import asyncio

    from lean_agent.cli.chat.conversation import Conversation, find_saved
    from lean_agent.cli.weights import need_weights

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
    conversation = Conversation(options=options) if resume is None else find_saved(resume)
    conversation.options.check()
    need_weights(conversation.options.model)
    return asyncio.run(converse(conversation, quiet=quiet, plain=plain))


async def converse(conversation: Conversation, *, quiet: bool = False, plain: bool = False) -> int:
    """Hold one session; the exit code is that of the last question that did not complete.

    On a terminal it is 0: the person has seen what happened.
    """
    from lean_agent.cli.chat import choosing, reporting, talking
    from lean_agent.cli.chat.session import Session

    del choosing, reporting, talking  # they have registered their commands
    watched = is_terminal(sys.stdin) and is_terminal(sys.stdout)
    session = Session(
        conversation, quiet=quiet, plain=plain, saved=watched or bool(conversation.name)
    )
    try:
        lines = await _begin(session, watched=watched, plain=plain)
        async for line in lines:
            await session.take(line)
            if session.over:
                break
    finally:
        await session.close()
    if session.conversation.answers and not quiet:
        session.tell_cost()
        if watched and session.conversation.name:
            say(one_line(f"to go on: lean-agent chat --resume {session.conversation.name}"))
    return EXIT_INTERRUPTED if session.terminated else 0 if watched else session.exit_code


async def _begin(session: Session, *, watched: bool, plain: bool) -> AsyncIterator[bytes]:
    """Where the lines come from. A prompt does not wait until everything is loaded.

    Raises:
        ConfigurationError: there is no such model, or no key for it.
    """
    if not watched:
        from lean_agent.cli.chat.piped import piped_lines

        await session.agent()
        return piped_lines()
    from lean_agent.cli.chat.typed import Typed
    from lean_agent.models.registry import resolve_model

    resolve_model(session.options.model, base_url=session.options.base_url)

    typed = Typed(session, plain=plain)
    session.ask = typed.ask
    say(f"{one_line(session.options.model)}. /help lists the commands, Ctrl-D leaves.")
    return typed.lines()
