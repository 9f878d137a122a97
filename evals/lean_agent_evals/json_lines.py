"""Files of JSON lines that several processes write one after another, whatever ended the last."""

from __future__ import annotations

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
    line that an earlier process did not finish is cut off at the first append.
    """

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self.path = path
        self._sync = sync
        self._lock = threading.Lock()
        self._fd: int | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line.

        Raises:
            ResultsError: the disk refuses it.
        """
        # A model may write half a character, which no file of UTF-8 can hold.
        line = f"{_encode(record)}\n".encode("utf-8", "replace")
        with self._lock:
            try:
                if self._fd is None:
                    self._fd = _opened(self.path)
                if os.write(self._fd, line) < len(line):
                    raise OSError(0, "the disk took only a part")
                if self._sync:
                    os.fsync(self._fd)
            except OSError as error:
                raise ResultsError(
                    f"{self.path} cannot be written: {error.strerror}",
                    hint="free some disk space or mend the permissions, then go on",
                ) from error

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def _opened(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
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
