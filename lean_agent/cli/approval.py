"""Asks the person at the terminal whether a tool may do what it is about to do."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from itertools import islice

from lean_agent.approval import Approval, ApprovalRequest
from lean_agent.cli.streams import is_terminal, say, terminal_columns
from lean_agent.cli.text import count, visible
from lean_agent.cli.theme import THEMES, Theme, paint, theme_for

__all__ = ["AsksAtTerminal", "parsed"]

_ROWS = 60
_PATTERN_CHARS = 200
_MARGIN = 4  # the indentation, and what a terminal may find wider than we do
_SETTLE_SECONDS = 0.05
_YES, _ALWAYS, _NO, _VIEW = {"y", "yes"}, {"a", "always"}, {"n", "no"}, {"v", "view"}


class AsksAtTerminal:
    """An ``Approve``. ``pause`` is called before anything is shown: it clears what is being drawn.

    Ctrl-C denies and interrupts the run, Ctrl-D denies. ``plain`` has no colours.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.pause: Callable[[], None] = lambda: None
        self._plain = plain

    @classmethod
    def if_possible(cls, *, plain: bool = False) -> AsksAtTerminal | None:
        """None where nobody can see the question, or answer it."""
        return cls(plain=plain) if is_terminal(sys.stdin) and is_terminal(sys.stderr) else None

    async def __call__(self, request: ApprovalRequest) -> Approval:
        await asyncio.sleep(_SETTLE_SECONDS)  # what was told before is shown before
        self.pause()
        theme = THEMES["none"] if self._plain else theme_for(sys.stderr)
        lines = visible(request.preview).splitlines()
        shown = list(islice(_rows(lines, theme), _ROWS + 1))
        cut = len(shown) > _ROWS
        say(_indented([f"{request.tool} asks for a yes:", *shown[:_ROWS]]))
        if cut:
            say(f"  [this is not all of it: {count(len(lines), 'line')}; v shows it]")
        choices = ["[y]es"]
        if request.pattern:
            pattern = visible(request.pattern).replace("\n", "\\n")
            if len(pattern) > _PATTERN_CHARS:  # all of it stands in the preview
                pattern = f"{pattern[:_PATTERN_CHARS]}..."
            choices.append(f"[a]lways {pattern}")
        question = f"{', '.join(choices)}, [n]o, or why not: "
        while True:
            typed = await _typed(question)
            if typed is None:
                return Approval(verdict="deny")
            if cut and typed.strip().lower() in _VIEW:
                say(_indented(["", *_rows(lines, theme)]))
            elif (answer := parsed(typed, always=bool(request.pattern))) is not None:
                return answer


def parsed(typed: str, *, always: bool) -> Approval | None:
    """What was answered; None for nothing. Any words of one's own are a reason against it."""
    word = typed.strip()
    if not word:
        return None
    if word.lower() in _YES:
        return Approval(verdict="once")
    if word.lower() in _ALWAYS:
        return Approval(verdict="always") if always else None
    return Approval(verdict="deny", reason="" if word.lower() in _NO else word)


def _rows(lines: list[str], theme: Theme) -> Iterator[str]:
    """The lines as wide as the terminal, a diff's in colour.

    Broken here and indented, so that nothing of a preview stands where our own words begin.
    """
    from rich.cells import chop_cells

    width = max(terminal_columns() - _MARGIN, 1)
    how: dict[str, str] = {}
    if len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ "):
        how = {"+": theme.added, "-": theme.removed, "@": theme.aside}
    for line in lines:
        for row in chop_cells(line.expandtabs(), width) or [line]:
            yield paint(row, how.get(line[:1], ""))


def _indented(lines: list[str]) -> str:
    return "\n  ".join(lines)


async def _typed(question: str) -> str | None:
    """A line, on standard error so that the answer may go to a file; None if it was refused."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    # What was typed before the question stood there is no answer to it.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    output = create_output(sys.stderr)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False  # as in chat: some terminals wait for the report
    prompt: PromptSession[str] = PromptSession(output=output)
    try:
        # The run listens for signals itself; a handler of the prompt's would take its place.
        return await prompt.prompt_async(question, handle_sigint=False)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(1)  # the run is cancelled here, unless nobody listens
    except EOFError:
        pass
    return None
