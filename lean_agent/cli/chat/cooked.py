"""Questions that a person types at a terminal that can do nothing: TERM=dumb, as in Emacs' shell.

The terminal's own driver edits the line; nothing is drawn, and there is no history.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator

from lean_agent.cli.chat.piped import piped_lines
from lean_agent.cli.signals import heard
from lean_agent.cli.text import one_line

__all__ = ["Cooked"]

_PROMPT = "> "


class Cooked:
    """The prompt, a line at a time. Ctrl-C discards what was typed, Ctrl-D ends."""

    def __init__(self) -> None:
        self._typed = piped_lines()

    async def lines(self) -> AsyncIterator[bytes]:
        """What is typed."""
        while (line := await self._next(_PROMPT)) is not None:
            yield line

    async def ask(self, question: str) -> str:
        """One short answer, lower case; "" where the person would not give any."""
        line = await self._next(f"{one_line(question)} ")
        return (line or b"").decode("utf-8", "replace").strip().lower()

    async def _next(self, prompt: str) -> bytes | None:
        _show(prompt)
        with heard((signal.SIGINT,), lambda _number: _show(f"\n{prompt}")):
            line = await anext(self._typed, None)
        if line is None:
            _show("\n")
        return line


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
