"""Files of JSON lines that several processes write one after another, whatever ended the last."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from lean_agent import ConfigurationError, LeanAgentError

__all__ = ["JsonLines", "ResultsError", "read_lines"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_BLOCK = 65_536


class ResultsError(LeanAgentError):
    """What an attempt came to cannot be written down."""

    code = "results"


class JsonLines:
    """Appends records to ``path``; safe to share between threads.

    A record survives ``kill -9`` once ``append`` has returned, and with ``sync`` a power cut. A
    line that an earlier process did not finish is cut off at the first append. ``mode`` is that of
    a new file.
    """

    def __init__(self, path: Path, *, sync: bool = False, mode: int = 0o644) -> None:
        self.path = path
        self._sync = sync
        self._mode = mode
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._written = self._synced = 0
        self._fd: int | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line.

        Raises:
            ResultsError: the disk refuses it.
        """
        # A model may write half a character, which no file of UTF-8 can hold.
        line = f"{_encode(record)}\n".encode("utf-8", "replace")
        try:
            with self._lock:
                if self._fd is None:
                    self._fd = _opened(self.path, self._mode)
                end = os.fstat(self._fd).st_size
                if os.write(self._fd, line) < len(line):
                    os.ftruncate(self._fd, end)  # or the next line would begin in this one
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._written += 1
                fd, mine = self._fd, self._written
            if self._sync:
                self._flush(fd, mine)
        except OSError as error:
            raise ResultsError(
                f"{self.path} cannot be written: {error.strerror}",
                hint="free some disk space or mend the permissions, then go on",
            ) from error

    def _flush(self, fd: int, mine: int) -> None:
        """Flush to the disk, unless somebody who came later has done it meanwhile."""
        with self._syncing:
            if self._synced < mine:
                written = self._written
                os.fsync(fd)
                self._synced = written

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def _opened(path: Path, mode: int) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - _BLOCK)
        block = os.pread(fd, end - start, start)
        if b"\n" in block:
            end = start + block.rindex(b"\n") + 1
            break
        end = start
    if end < os.fstat(fd).st_size:
        os.ftruncate(fd, end)
    return fd


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole record; nothing where there is no file.

    Raises:
        ConfigurationError: the file cannot be read, or a line is no JSON object.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise ConfigurationError(
                    f"{path}, line {number} is no JSON object",
                    hint="something else wrote there: take that line out",
                )
            yield cast("dict[str, Any]", value)
