"""What Tab offers: commands, what may follow them, and files after an @."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from lean_agent.cli.chat.registry import COMMANDS
from lean_agent.cli.text import one_line

if TYPE_CHECKING:
    from lean_agent.cli.chat.session import Session

__all__ = ["ChatCompleter", "names_something"]

_MENTION: Final = re.compile(r"(?<!\S)@(?:(\")([^\"\n]*)|(\S*))$")
"""A path that is being named before the cursor, after a quotation mark or not."""


def names_something(text: str) -> bool:
    """Whether a command or a file is being named at the end of the text."""
    return text.startswith("/") or _MENTION.search(text) is not None


class ChatCompleter(Completer):
    """Completes what is before the cursor; the session knows which choices there are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._paths = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        text = document.text_before_cursor
        if not text.startswith("/"):
            return self._files(text, complete_event)
        name, space, argument = text.partition(" ")
        if not space:
            return self._commands(name)
        return self._choices(name, argument)

    def _commands(self, typed: str) -> Iterable[Completion]:
        for name, one in COMMANDS.items():
            if name.startswith(typed):
                yield Completion(name, -len(typed), display_meta=one.about)

    def _choices(self, name: str, typed: str) -> Iterable[Completion]:
        if name in COMMANDS:
            for choice in COMMANDS[name].choices(self._session):
                if choice.startswith(typed):
                    yield Completion(choice, -len(typed), display=one_line(choice))

    def _files(self, text: str, event: CompleteEvent) -> Iterable[Completion]:
        """A name with spaces is put between quotation marks, so that all of it is the path. Hidden
        files are offered once a dot is typed.
        """
        mention = _MENTION.search(text)
        if mention is None:
            return
        quote, typed = mention[1] or "", mention[2] or mention[3] or ""
        for found in self._paths.get_completions(Document(typed), event):
            if found.display_text.startswith(".") and not typed.rpartition("/")[2]:
                continue
            is_folder = found.display_text.endswith("/")
            path = typed + found.text + ("/" if is_folder else "")
            if quote or " " in path:
                path = f'"{path}' if is_folder else f'"{path}"'
            yield Completion(path, -len(quote + typed), display=one_line(found.display_text))
