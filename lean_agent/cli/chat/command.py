"""``lean-agent chat``: questions and answers that know of each other."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import completing
from lean_agent.cli import options as opt
from lean_agent.cli.failures import EXIT_INTERRUPTED, usage_error
from lean_agent.cli.run_flags import with_run_flags
from lean_agent.cli.streams import at_terminal, is_terminal, say, terminal_columns
from lean_agent.cli.text import clip, one_line

if TYPE_CHECKING:
    from lean_agent.cli.chat.conversation import Conversation
    from lean_agent.cli.chat.session import Session

__all__ = ["chat", "converse"]


@with_run_flags
def chat(
    *,
    options: opt.RunOptions,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="NAME",
            help="Go on with a saved session, under its own options.",
            autocompletion=completing.sessions,
        ),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch", metavar="NEW", help="Go on in a copy of that session, under another name."
        ),
    ] = None,
    plain: opt.Plain = False,
    events: opt.Events = False,
    quiet: opt.Quiet = False,
) -> int:
    """Talk to the model. Limits hold for each answer. Piped input is one question a line."""
    import asyncio

    from lean_agent.cli.chat.conversation import Conversation, find_saved
    from lean_agent.cli.weights import need_weights

    if branch is not None and resume is None:
        raise usage_error("--branch needs a session to copy", "--resume NAME --branch NEW")
    conversation = Conversation(options=options) if resume is None else find_saved(resume)
    if branch is not None:
        conversation = conversation.branch(branch.strip())
    conversation.options.check()
    need_weights(*conversation.options.models)
    return asyncio.run(converse(conversation, quiet=quiet, plain=plain, events=events))


async def converse(
    conversation: Conversation, *, quiet: bool = False, plain: bool = False, events: bool = False
) -> int:
    """Hold one session; the exit code is that of the last question that did not complete.

    On a terminal it is 0: the person has seen what happened. ``events`` is for pipes.

    Raises:
        ConfigurationError: events were asked for at a terminal.
    """
    from lean_agent.cli.chat import choosing, compact, reporting, talking
    from lean_agent.cli.chat.session import Session
    from lean_agent.cli.event_lines import EventLines
    from lean_agent.cli.view import View

    del choosing, compact, reporting, talking  # they have registered their commands
    watched = at_terminal()
    if events and watched:
        raise usage_error("--events is for pipes", "echo 'a question' | lean-agent chat --events")
    session = Session(
        conversation,
        EventLines(quiet=quiet) if events else View(quiet=quiet, plain=plain),
        saved=watched or bool(conversation.name),
    )
    earlier = signal.getsignal(signal.SIGINT)
    if watched:  # one Ctrl-C too many, between an answer and the prompt, is not to end all of it
        signal.signal(signal.SIGINT, _go_on)
    try:
        lines = await _begin(session, watched=watched, plain=plain)
        await session.pick_up()
        async for line in lines:
            await session.take(line)
            if session.over:
                break
    finally:
        signal.signal(signal.SIGINT, earlier)
        await session.close()
    if session.conversation.answers and not quiet:
        session.tell_cost()
        if watched and not session.conversation.empty:
            say(one_line(f"to go on: lean-agent chat --resume {session.conversation.name}"))
    return EXIT_INTERRUPTED if session.terminated else 0 if watched else session.exit_code


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Nothing goes on that a signal could end."""


async def _begin(session: Session, *, watched: bool, plain: bool) -> AsyncIterator[bytes]:
    """Where the lines come from. A prompt does not wait until everything is loaded.

    Raises:
        ConfigurationError: there is no such model, or no key for it.
    """
    if not watched:
        from lean_agent.cli.chat.piped import piped_lines

        await session.agent()
        return piped_lines()
    from lean_agent.cli.chat.cooked import Cooked
    from lean_agent.cli.chat.typed import Typed
    from lean_agent.cli.making import resolve_models

    resolve_models(session.options)
    typed = Typed(session, plain=plain) if is_terminal(sys.stdout) else Cooked()
    session.ask = typed.ask
    say(f"{one_line(session.options.model)}. /help lists the commands, Ctrl-D leaves.")
    if session.conversation.turns:
        say(clip(session.conversation.summary, terminal_columns()))
    return typed.lines()
