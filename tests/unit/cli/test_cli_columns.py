"""How wide a terminal is, by the terminal itself."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios

import pytest

from lean_agent.cli.streams import terminal_columns


def test_the_terminal_knows_better_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "99")
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.StringIO())
    assert terminal_columns() == 99
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert terminal_columns() == 99  # nobody has told it a size
        for columns in (50, 40):
            termios.tcsetwinsize(theirs, (24, columns))
            assert terminal_columns() == columns
    os.close(ours)
