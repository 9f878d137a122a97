"""A line that turns while something goes on."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from typing import Final

from lean_agent.cli.text import on_one_row

__all__ = ["Spinner"]

_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES: Final = "|/-\\"
_SECONDS: Final = 0.1
_HIDE, _SHOW, _WIPE = "\x1b[?25l", "\x1b[?25h", "\x1b[J"


class Spinner:
    """On standard error, from its making until ``stop``; nothing else may be written meanwhile.

    The cursor stands at the line's beginning: whatever a resized window makes of the line is below
    it, and is wiped out. ``line`` is asked anew each time, in a thread; ``paint`` colours the mark.
    """

    def __init__(self, line: Callable[[], str], paint: Callable[[str], str]) -> None:
        self._line = line
        self._paint = paint
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="lean-agent-spinner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wipe it out."""
        self._over.set()
        self._thread.join()
        _write(_WIPE + _SHOW)

    def _turn(self) -> None:
        unicode = (sys.stderr.encoding or "").lower().startswith("utf")
        for frame in itertools.cycle(_FRAMES if unicode else _ASCII_FRAMES):
            line = f"{self._paint(frame)} {self._line()}"
            _write(f"{_HIDE}{on_one_row(line)}{_WIPE}\r")
            if self._over.wait(_SECONDS):
                return


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
