"""Segments: the append-only files of the ledger. Spec: ledger ("Storage").

Each process appends to files of its own, so no lock is shared between processes. A segment is
JSON lines: a header with the schema version, then one line an entry. A line is written by one
``write``; what a killed process left half-written is the last line and was never acknowledged.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["SCHEMA_VERSION", "Segment", "find_segments", "segments_dir"]

SCHEMA_VERSION = 2
_HEADER_LIMIT = 4096
"""Bytes read in search of a header: a damaged file may be one endless line."""


def segments_dir(folder: Path) -> Path:
    """Where the segments of the ledger in ``folder`` are."""
    return folder / "segments"


class Segment:
    """The writing end of one segment; not thread-safe, the ledger's lock guards it.

    Creating one makes the folder and the file with its header; OSError if that fails, and then no
    file is left behind.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        directory = segments_dir(folder)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The time first, so that names sort by it; the random part because process ids come back.
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S%f}Z-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        self.path = directory / name
        self._fsync = fsync
        self._entries = 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o600)
        header = {"schema_version": SCHEMA_VERSION, "created": time.time(), "pid": os.getpid()}
        try:
            self._write(json.dumps(header).encode() + b"\n", size=0)
            if fsync:
                _fsync_directory(directory)
        except OSError:
            self.discard()
            raise

    def append(self, line: bytes) -> None:
        """Write one whole line, or raise OSError and leave the segment as it was before."""
        now = os.fstat(self._fd)
        if now.st_nlink == 0:  # a deleted file takes writes and keeps nothing
            raise FileNotFoundError(errno.ENOENT, "deleted while in use", str(self.path))
        self._write(line, size=now.st_size)
        self._entries += 1

    def _write(self, line: bytes, *, size: int) -> None:
        try:
            written = os.write(self._fd, line)
            # A full disk takes what still fits; asking for the rest tells the reason.
            while written < len(line):
                written += os.write(self._fd, line[written:])
            if self._fsync:
                os.fsync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):  # then readers skip the torn line
                os.ftruncate(self._fd, size)
            raise

    def discard(self) -> None:
        """Close after a failure; a file that holds no entry is removed."""
        self.close()
        if self._entries == 0:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            # Network file systems report a late error here; the lines were acknowledged by then.
            with contextlib.suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()


def _fsync_directory(directory: Path) -> None:
    # Without this a power cut may forget that the file exists.
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def find_segments(folder: Path) -> tuple[list[Path], list[str]]:
    """The segments of this schema version, oldest first, and a line on each that is left out.

    A folder that is missing or empty has none; a file without a single byte is no problem, its
    writer was killed before its first entry.
    """
    usable: list[Path] = []
    problems: list[str] = []
    directory = segments_dir(folder)
    try:
        # os.scandir rather than Path.glob, which hides that a folder may not be read.
        with os.scandir(directory) as found:
            names = sorted(
                item.name for item in found if item.name.endswith(".jsonl") and item.is_file()
            )
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{directory} cannot be read ({error.strerror}): its entries are left out"]
    for path in (directory / name for name in names):
        try:
            with path.open("rb") as file:
                header = file.readline(_HEADER_LIMIT)
        except OSError as error:
            problems.append(f"{path.name}: cannot be read ({error.strerror}): skipped")
            continue
        if header:
            problem = _header_problem(header)
            if problem:
                problems.append(f"{path.name}: {problem}: skipped")
            else:
                usable.append(path)
    return usable, problems


def _header_problem(line: bytes) -> str | None:
    try:
        header: Any = json.loads(line)
        version = header["schema_version"]
    except (ValueError, TypeError, KeyError):
        return "no readable header"
    if type(version) is not int or version < 1:
        return "no readable header"
    if version > SCHEMA_VERSION:
        return (
            f"written by a newer lean-agent (schema version {version}, this one reads "
            f"{SCHEMA_VERSION}; upgrade to count its entries)"
        )
    return None
