"""When entries are flushed to the disk itself. Spec: ledger ("Storage": fsync policy).

What one ``write`` took survives ``kill -9`` without any flush; a flush is for power cuts.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import threading
import time
from pathlib import Path
from typing import Final, Literal, get_args

from lean_agent.errors import ConfigurationError

__all__ = ["Flusher", "FsyncPolicy", "fsync_directory", "fsync_policy"]

FsyncPolicy = Literal["never", "interval", "always"]
"""never: the kernel writes when it sees fit, after 30 s or so. interval: a power cut loses a second
at most. always: it loses nothing, and each entry waits for the disk."""

_POLICIES: Final[tuple[FsyncPolicy, ...]] = get_args(FsyncPolicy)
_PAUSE: Final = 0.5
"""Seconds from a write to its flush; the flush may take as long again to lose a second at most."""


def fsync_policy(wanted: FsyncPolicy | None) -> FsyncPolicy:
    """``wanted``, or what LEAN_AGENT_LEDGER_FSYNC says, or never.

    Raises:
        ConfigurationError: it is none of the three.
    """
    source, value = "fsync", str(wanted)
    if wanted is None:
        source = "LEAN_AGENT_LEDGER_FSYNC"
        value = os.environ.get(source) or "never"
    for policy in _POLICIES:
        if value == policy:
            return policy
    raise ConfigurationError(f"{source} is {value!r}", hint=f"one of: {', '.join(_POLICIES)}")


class Flusher:
    """Flushes an open file within a second of each write, in a thread of its own.

    It owns the file: ``close`` flushes and closes it, and so does the end of the program.
    """

    def __init__(self, fd: int, directory: Path) -> None:
        self._fd = fd
        self._directory = directory
        self._dirty = threading.Event()
        self._error: OSError | None = None
        # Reentrant, as the garbage collector may close a segment inside this very thread.
        self._lock = threading.RLock()
        try:
            threading.Thread(target=self._run, name="lean-agent-ledger-flush", daemon=True).start()
        except RuntimeError as error:  # no thread to be had
            raise OSError(errno.EAGAIN, str(error)) from None
        atexit.register(self.close)

    def written(self) -> None:
        """Have what was just written flushed; OSError if an earlier flush failed."""
        if self._error is not None:
            raise self._error
        self._dirty.set()

    def abandon_after_fork(self) -> None:
        """Close the child's copy of the file; the thread exists in the parent alone."""
        atexit.unregister(self.close)
        fd, self._fd = self._fd, -1
        os.close(fd)

    def close(self) -> None:
        atexit.unregister(self.close)
        with self._lock:
            fd, self._fd = self._fd, -1
            self._dirty.set()  # which ends the thread
            if fd >= 0:
                # A late error can be told to nobody: the lines were acknowledged by then.
                with contextlib.suppress(OSError):
                    os.fsync(fd)
                os.close(fd)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            fsync_directory(self._directory)
        while self._dirty.wait():
            time.sleep(_PAUSE)
            self._dirty.clear()
            with self._lock:
                if self._fd < 0:
                    return
                try:
                    os.fsync(self._fd)
                except OSError as error:
                    self._error = error


def fsync_directory(directory: Path) -> None:
    """Without this a power cut may forget which files the directory has."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
