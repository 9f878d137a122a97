"""Questions that a person types, with history, completion and more than one line."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import ThreadedCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import DynamicStyle, Style

from lean_agent._paths import state_dir
from lean_agent.cli.chat.completion import ChatCompleter, names_something
from lean_agent.cli.failures import EXIT_INTERRUPTED
from lean_agent.cli.run_status import context_share, fitting, remaining, tokens
from lean_agent.cli.signals import ENDING, heard
from lean_agent.cli.streams import terminal_columns
from lean_agent.cli.text import count, one_line, short_money
from lean_agent.cli.theme import THEMES, Theme, theme_for
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.cli.chat.session import Session

__all__ = ["Typed"]


class Typed:
    """The prompt. ``plain`` has no status line and no menus."""

    def __init__(self, session: Session, *, plain: bool) -> None:
        self._session = session
        self._plain = plain
        output = _output()
        menus = Condition(_completes)
        self._prompt: PromptSession[str] = PromptSession(
            self._message,
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation="  ",
            history=_history(),
            completer=None if plain else ThreadedCompleter(ChatCompleter(session)),
            complete_while_typing=menus & Condition(lambda: not plain),
            reserve_space_for_menu=6,
            style=DynamicStyle(self._style),
            output=output,
        )
        self._question: PromptSession[str] = PromptSession(output=output)

    async def lines(self) -> AsyncIterator[bytes]:
        """What is typed. Ctrl-C discards it, Ctrl-D ends."""
        while True:
            try:
                line = await self._until_entered(self._prompt)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            yield line.encode("utf-8", "surrogateescape")

    async def ask(self, question: str) -> str:
        """One short answer, lower case; "" where the person would not give any."""
        try:
            answer = await self._until_entered(self._question, f"{one_line(question)} ")
        except (KeyboardInterrupt, EOFError):
            return ""
        return answer.strip().lower()

    async def _until_entered(self, prompt: PromptSession[str], message: str | None = None) -> str:
        def terminated(_number: int) -> None:
            end = SystemExit(EXIT_INTERRUPTED)
            if not prompt.app.is_running:
                raise end
            prompt.app.exit(exception=end)

        prompt.color_depth = ColorDepth.DEPTH_1_BIT if self._theme() == THEMES["none"] else None
        with heard(ENDING, terminated):
            # The prompt is drawn before anything else is loaded.
            return await prompt.prompt_async(message, pre_run=self._load)

    def _theme(self) -> Theme:
        return THEMES["none"] if self._plain else theme_for(sys.stdout)

    def _style(self) -> Style:
        theme = self._theme()
        return Style.from_dict({"status": theme.status, "prompt": theme.prompt})

    def _load(self) -> None:
        self._session.load()

    def _message(self) -> StyleAndTextTuples:
        status = "" if self._plain or get_app().is_done else self._status()
        return [
            ("class:status", f"{status}\n" if status else ""),
            ("class:prompt", "> "),
        ]

    def _status(self) -> str:
        talk, status = self._session.conversation, self._session.status
        usage, model = talk.usage, one_line(talk.options.model)
        limits = remaining(status.budget, Usage())
        in_short = remaining(status.budget, Usage(), short=True)
        told = (
            talk.options.mode,
            count(talk.steps, "step") if talk.steps else "",
            tokens(usage),
            short_money(usage) if talk.answers else "",
            f"limit {limits}" if limits else "",
            context_share(status.context, status.window),
        )
        short = (
            *told[:2],
            tokens(usage, short=True),
            told[3],
            f"limit {in_short}" if in_short else "",
            context_share(status.context, status.window, short=True),
        )
        columns = terminal_columns() - 1
        name = model.rpartition("/")[2].rpartition(":")[2]
        return fitting(columns, (model, *told), (name, *told), (name, *short), short)


def _output() -> Output:
    output = create_output()
    if isinstance(output, Vt100_Output):
        # Nothing here needs a report of the cursor's position, for which some terminals wait and
        # others get a warning.
        output.enable_cpr = False
    return output


def _history() -> History:
    path = state_dir() / "chat_history"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds questions
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def _completes() -> bool:
    """Whether a menu may open by itself: where a command or a file is being named."""
    return names_something(get_app().current_buffer.document.text_before_cursor)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    def enter(event: KeyPressEvent) -> None:
        """Send; after a backslash begin a new line instead."""
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    keys.add("enter")(enter)
    keys.add("escape", "enter")(new_line)
    keys.add("c-j")(new_line)
    return keys
