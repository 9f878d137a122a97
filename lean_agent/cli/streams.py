"""Standard output carries the answer, standard error everything else."""

from __future__ import annotations

import io
import os
import shutil
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TextIO

__all__ = [
    "at_terminal",
    "emit",
    "finish",
    "is_terminal",
    "no_echo",
    "prepare",
    "say",
    "styled",
    "terminal_columns",
]


def prepare() -> None:
    """Make the three standard streams safe to use.

    A stream closed by the caller is opened on the null device: otherwise the next file opened, a
    ledger segment perhaps, would get its number. What cannot be encoded is replaced, not fatal.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def finish() -> None:
    """Flush both outputs; where nobody takes them, let the interpreter end without a complaint."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            with suppress(OSError, ValueError):
                os.dup2(null, stream.fileno())
            os.close(null)


def emit(text: str) -> None:
    """Write to standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def say(line: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def at_terminal() -> bool:
    """Whether a person types and reads, at a terminal of any kind."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def terminal_columns() -> int:
    """How wide the terminal is now; where there is none, as the environment says, or 80.

    The environment's COLUMNS comes second: it does not follow a window that is resized.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if columns := os.get_terminal_size(stream.fileno()).columns:
                return columns
    return shutil.get_terminal_size().columns


def is_terminal(stream: TextIO) -> bool:
    """Whether a person with a capable terminal is at the other end."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def styled(stream: TextIO) -> bool:
    """Whether colour and weight are welcome there (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


@contextmanager
def no_echo() -> Generator[None]:
    """What is typed meanwhile is not shown, and waits for the next prompt."""
    if not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
