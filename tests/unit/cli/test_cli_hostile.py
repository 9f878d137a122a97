"""Whatever a model or a tool writes, the terminal obeys our own codes alone."""

from __future__ import annotations

import io
import sys

import pytest

from lean_agent.cli.view import View
from lean_agent.events import (
    ModeChosen,
    Notice,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)

MARKUP = "[bold red]b[/] [link=file:///etc/passwd]l[/link] [/nothing] :boom:"
CODES = ("\x1b[7777m", "\x1b]0;owned\x07", "\x9b7777m", "\x1bP1$r\x1b\\", "\x1b[2J", "\x08\r\x7f")
HOSTILE = "".join(CODES) + "\u202e\u2066\0" + MARKUP


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("colour", [False, True])
def test_the_terminal_obeys_our_own_codes_alone(
    colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    view = View()
    for event in (
        ModeChosen("agent", HOSTILE),
        StepStarted(1),
        ToolStarted("c", f"read{HOSTILE}", {f"path{HOSTILE}": HOSTILE}),
        ToolFinished("c", "read", HOSTILE, False, False, 0.1),
        ToolFinished("c", "read", HOSTILE, True, False, 0.1),
        Notice(HOSTILE),
        StepStarted(2),
        *(Token(piece, "answer") for piece in HOSTILE),  # a code may come in pieces
        Token("\n", "answer"),
    ):
        view.show(event)
    view.pause()
    written = terminal.getvalue()
    for code in ("\x1b[7777", "\x1b]", "\x1bP", "\x9b", "\x1b\\", "\x07", "\x08", "\x7f", "\0"):
        assert code not in written
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(written)
    assert written.count("[/nothing]") >= 5, "markup is shown, not obeyed"
    assert "[7777m" in written
