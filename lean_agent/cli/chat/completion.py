"""What Tab offers: commands, what may follow them, and files after an @."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from lean_agent.cli.chat.registry import COMMANDS
from lean_agent.cli.text import one_line

if TYPE_CHECKING:
    from lean_agent.cli.chat.session import Session

__all__ = ["ChatCompleter"]


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
        word = text.rpartition(" ")[2].rpartition("\n")[2]
        if word.startswith("@"):
            for found in self._paths.get_completions(Document(word[1:]), event):
                yield Completion(
                    found.text, found.start_position, display=one_line(found.display_text)
                )
