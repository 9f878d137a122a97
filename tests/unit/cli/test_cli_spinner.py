from __future__ import annotations

import io
import sys
import time

import pytest

from lean_agent.cli.spinner import Spinner


class Terminal(io.StringIO):
    encoding: str = "utf-8"  # pyright: ignore[reportIncompatibleVariableOverride]


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "⠋"), ("latin-1", "|"), ("ascii", "|")])
def test_it_turns_and_leaves_nothing_behind(
    encoding: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    terminal.encoding = encoding
    monkeypatch.setattr(sys, "stderr", terminal)
    seconds = iter(range(9_999))
    spinner = Spinner(lambda: f"thinking {next(seconds)} s", lambda frame: f"<{frame}>")
    deadline = time.monotonic() + 10
    while "thinking 1 s" not in terminal.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    spinner.stop()
    written = terminal.getvalue()
    assert written.startswith(f"\x1b[?25l\x1b[?7l<{mark}> thinking 0 s\x1b[?7h\x1b[J\r\x1b[?25l")
    assert written.endswith("\r\x1b[J\x1b[?25h")
    time.sleep(0.15)
    assert terminal.getvalue() == written
