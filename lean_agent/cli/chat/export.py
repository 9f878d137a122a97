"""A conversation as a file to keep or to show."""

from __future__ import annotations

from pathlib import Path

from lean_agent.cli.chat.conversation import Conversation
from lean_agent.cli.failures import usage_error
from lean_agent.cli.text import cost_line, to_json

__all__ = ["export_conversation"]


def export_conversation(conversation: Conversation, path: Path) -> Path:
    """Write it as Markdown, or every message as JSON where the name ends in ``.json``; say where.

    Raises:
        ConfigurationError: there is such a file already, or it cannot be written.
    """
    path = path.expanduser()
    text = _json(conversation) if path.suffix == ".json" else _markdown(conversation)
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        raise usage_error(f"{path} exists", "give another name") from None
    except OSError as error:
        raise usage_error(f"{path} cannot be written: {error.strerror}", "try another") from None
    return path


def _json(conversation: Conversation) -> str:
    return to_json([message.to_dict() for message in conversation.messages]) + "\n"


def _markdown(conversation: Conversation) -> str:
    """Questions and answers; what tools were asked and gave is in the JSON alone."""
    parts = [f"# {conversation.name}"]
    for message in conversation.messages:
        if message.role == "user":
            parts.append(f"## You\n\n{message.content}")
        elif message.role == "assistant" and message.content and not message.tool_calls:
            parts.append(f"## {conversation.options.model}\n\n{message.content}")
    cost = cost_line(
        conversation.usage,
        seconds=conversation.seconds,
        steps=conversation.steps,
        tool_calls=conversation.tool_calls,
    )
    return "\n\n".join((*parts, f"---\n\n{cost}")) + "\n"
