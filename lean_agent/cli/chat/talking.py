"""Commands on the conversation itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from lean_agent.cli.chat.conversation import find_saved, saved_conversations
from lean_agent.cli.chat.export import export_conversation
from lean_agent.cli.chat.registry import COMMANDS, command
from lean_agent.cli.chat.session import Session
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say, terminal_columns
from lean_agent.cli.text import clip, count, folded, one_line

__all__: list[str] = []


def _names(_session: Session) -> Iterable[str]:
    return [one.name for one in saved_conversations()]


@command("help")
async def show_help(_session: Session, _argument: str) -> None:
    """This list."""
    heads = {f"{one.name} {one.arguments}".rstrip(): one.about for one in COMMANDS.values()}
    width = max(map(len, heads)) + 2
    columns = terminal_columns()
    for head, about in sorted(heads.items()):
        say(folded(f"{head:{width}}{about}", columns, indent=width))
    say("@path in a question attaches a file or a folder; Alt-Enter begins a new line;")
    say("Ctrl-C stops an answer and keeps what it took; Ctrl-D leaves.")


@command("new")
async def begin_anew(session: Session, _argument: str) -> None:
    """Begin another conversation, keep the spend."""
    session.conversation.begin_anew()
    session.last = None
    say("a new conversation")


@command("undo")
async def undo(session: Session, _argument: str) -> None:
    """Forget the last question and its answer, keep the spend."""
    if not session.conversation.undo():
        raise usage_error("there is nothing to undo", "ask a question first")
    await session.save()
    say(f"forgotten; {count(len(session.conversation.turns), 'question')} left")


@command("name", "[NAME]")
async def name(session: Session, argument: str) -> None:
    """Show or set the session's name."""
    if argument:
        await session.rename(argument)
    say(one_line(session.conversation.name) or "no name yet: it gets one with its first answer")


@command("resume", "[NAME]", choices=_names)
async def resume(session: Session, argument: str) -> None:
    """List the saved sessions, or go on with one."""
    if not argument:
        for one in await asyncio.to_thread(saved_conversations):
            say(clip(one.summary, terminal_columns()))
        return
    found = await asyncio.to_thread(find_saved, argument)
    await session.adopt(found)
    say(clip(found.summary, terminal_columns()))
    await session.pick_up()


@command("branch", "[NAME]")
async def branch(session: Session, argument: str) -> None:
    """Go on in a copy of this session, which stays as it is; /resume goes back."""
    await session.save()
    origin, last, inlined = session.conversation.name, session.last, session.inlined
    await session.adopt(await asyncio.to_thread(session.conversation.branch, argument))
    session.last, session.inlined = last, inlined  # they are of the branch, too
    await session.save()
    say(one_line(f"{session.conversation.name}: a branch of {origin}"))


@command("export", "FILE")
async def export(session: Session, argument: str) -> None:
    """Write the conversation to a file: Markdown, or JSON if it ends in .json."""
    if not argument:
        raise usage_error("/export needs a file", "/export talk.md")
    written = await asyncio.to_thread(export_conversation, session.conversation, Path(argument))
    say(one_line(f"written: {written}"))


@command("quit")
async def leave(session: Session, _argument: str) -> None:
    """Leave (so does Ctrl-D)."""
    session.over = True
