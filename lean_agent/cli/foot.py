"""The status beneath an answer while it is written.

It stands on the line after the one that is being written, and every piece wipes it out and draws it
anew in the same write, so nothing flickers and a window may be resized or scroll meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from lean_agent.cli.text import on_one_row

__all__ = ["Foot"]

_CODE: Final = re.compile(r"\x1b\[[\d;]*m")
_WIPE: Final = "\x1b[J"
_ROOM: Final = "\x1bD\x1b[A"
"""A line further and back, in the same column: at the bottom the screen scrolls by one."""
_SAVE, _DOWN, _RESTORE = "\x1b7", "\x1b[B\r", "\x1b8"
_AFTER_SECONDS: Final = 0.5
"""A short answer needs none."""


class Foot:
    """For one answer at a time; ``line`` is asked what to show, in the terminal's own codes."""

    def __init__(self, line: Callable[[], str], columns: Callable[[], int]) -> None:
        self._line = line
        self._columns = columns
        self._began = 0.0
        self._shown = False
        self._column = 0

    def beneath(self, text: str) -> str:
        """What is to be written for the next piece of the answer."""
        if not text:
            return ""
        now = time.monotonic()
        self._began = self._began or now
        wiped = f"{_WIPE}{text}" if self._shown else text
        self._shown = not self._at_margin(text) and now - self._began >= _AFTER_SECONDS
        if not self._shown:
            return wiped
        return f"{wiped}{_ROOM}{_SAVE}{_DOWN}{on_one_row(self._line())}{_RESTORE}"

    def end(self) -> str:
        """What wipes it out; the next answer begins anew."""
        wipe = _WIPE if self._shown else ""
        self._began, self._shown, self._column = 0.0, False, 0
        return wipe

    def _at_margin(self, text: str) -> bool:
        """Whether the last column is filled: to move from there would lose the line's end."""
        from rich.cells import cell_len

        begun, newline, rest = _CODE.sub("", text).rpartition("\n")
        self._column = cell_len(rest) if newline else self._column + cell_len(begun + rest)
        return self._column > 0 and self._column % self._columns() == 0
