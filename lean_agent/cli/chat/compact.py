"""The command that makes a conversation shorter for the model."""

from __future__ import annotations

from lean_agent.cli.chat.registry import command
from lean_agent.cli.chat.session import Session
from lean_agent.cli.streams import say
from lean_agent.cli.text import count

__all__: list[str] = []


@command("compact")
async def compact(session: Session, _argument: str) -> None:
    """Leave out what the model need not read again: its own chatter, long results."""
    before, after = session.conversation.compact()
    if after >= before:
        say(f"nothing to leave out: about {before:,} tokens")
        return
    session.status.context = session.status.context * after // before
    await session.save()
    left = count(len(session.conversation.turns), "question")
    say(
        f"about {before:,} -> {after:,} tokens, {left} and their answers whole. The prompt's cache "
        "is rewritten: the next answer reads them at the full price."
    )
