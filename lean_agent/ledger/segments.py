"""Segments: the append-only files of the ledger. Spec: ledger ("Storage").

Each process appends to files of its own, so no lock is shared between processes. A segment is
JSON lines: a header with the schema version, then one line an entry. A line is written by one
``write``; what a killed process left half-written is the last line and was never acknowledged.

A writer holds its segment's lock as long as it lives. The kernel frees the lock however the
process ends, so a segment whose lock can be had is sealed: nothing is ever appended to it again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from lean_agent.ledger.flushing import Flusher, FsyncPolicy, fsync_directory
from lean_agent.ledger.migrations import SCHEMA_VERSION

__all__ = [
    "NO_HEADER",
    "FoundSegment",
    "Segment",
    "file_stamp",
    "find_segments",
    "inspect_segment",
    "is_unlocked",
    "left_out",
    "list_files",
    "segments_dir",
    "torn_lines",
    "version_problem",
]

_MAX_BYTES: Final = 32_000_000
"""A full segment is left for a new one, so that a long-lived process can be compacted too."""

NO_HEADER: Final = "no readable header"
_DAY: Final = 86_400
_HEADER_LIMIT: Final = 4096
"""Bytes read in search of a header: a damaged file may be one endless line."""


def segments_dir(folder: Path) -> Path:
    """Where the segments of the ledger in ``folder`` are."""
    return folder / "segments"


def file_stamp() -> str:
    """The time of day in UTC for a file's name, so that names sort by it."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"


class Segment:
    """The writing end of one segment; not thread-safe, the ledger's lock guards it.

    Creating one makes the folder and the file with its header; OSError if that fails, and then no
    file is left behind.
    """

    def __init__(self, folder: Path, *, fsync: FsyncPolicy = "never") -> None:
        self._fd = -1
        self._fsync = fsync
        self._flusher: Flusher | None = None
        self._entries = 0
        directory = segments_dir(folder)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The random part because process ids come back.
        name = f"{file_stamp()}-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        self.path: Path = directory / name
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o600)
        with contextlib.suppress(OSError):  # without locks nothing is ever seen as sealed
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        header = {"schema_version": SCHEMA_VERSION, "created": time.time(), "pid": os.getpid()}
        try:
            if fsync == "interval":
                self._flusher = Flusher(self._fd, directory)
            self._write(json.dumps(header).encode() + b"\n", size=0)
            if fsync == "always":
                fsync_directory(directory)
        except OSError:
            self.discard()
            raise

    def append(self, line: bytes) -> bool:
        """Write one whole line, or raise OSError and leave the segment as it was before.

        Returns whether there is room for more.
        """
        now = os.fstat(self._fd)
        if now.st_nlink == 0:  # a deleted file takes writes and keeps nothing
            raise FileNotFoundError(errno.ENOENT, "deleted while in use", str(self.path))
        self._write(line, size=now.st_size)
        self._entries += 1
        return now.st_size + len(line) < _MAX_BYTES

    def _write(self, line: bytes, *, size: int) -> None:
        try:
            written = os.write(self._fd, line)
            # A full disk takes what still fits; asking for the rest tells the reason.
            while written < len(line):
                written += os.write(self._fd, line[written:])
            if self._flusher is not None:
                self._flusher.written()
            elif self._fsync == "always":
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
        """Close and give up the lock; what an interval has not yet flushed is flushed first."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            if self._flusher is not None:
                self._flusher.close()
            else:
                # Network file systems report a late error here: the lines were acknowledged.
                with contextlib.suppress(OSError):
                    os.close(fd)

    def abandon_after_fork(self) -> None:
        """Close the child's copy; the lock stays the parent's."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            if self._flusher is not None:
                self._flusher.abandon_after_fork()
            else:
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class FoundSegment(NamedTuple):
    """A segment that can be read, and the schema version it was written in."""

    path: Path
    version: int

    def is_sealed(self) -> bool:
        """Whether its writer is done with it or gone; OSError where the file cannot be opened."""
        if self.version == 1:  # when writers held no lock: a day without an entry has to do
            return time.time() - self.path.stat().st_mtime > _DAY
        return is_unlocked(self.path)


def is_unlocked(path: Path) -> bool:
    """Whether no writer has the segment at ``path``; OSError where it cannot be opened."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def list_files(directory: Path, suffix: str) -> tuple[list[Path], list[str]]:
    """The files of a ledger's folder in order, and a line where it cannot be read."""
    try:
        # os.scandir rather than Path.glob, which hides that a folder may not be read.
        with os.scandir(directory) as found:
            names = [item.name for item in found if item.name.endswith(suffix) and item.is_file()]
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{directory} cannot be read ({error.strerror}): its entries are left out"]
    return [directory / name for name in sorted(names)], []


def find_segments(folder: Path) -> tuple[list[FoundSegment], list[str]]:
    """The segments up to this schema version, oldest first, and a line on each that is left out.

    A folder that is missing or empty has none.
    """
    usable: list[FoundSegment] = []
    paths, problems = list_files(segments_dir(folder), ".jsonl")
    for path in paths:
        found = inspect_segment(path)
        if isinstance(found, FoundSegment):
            usable.append(found)
        elif found:
            problems.append(left_out(path.name, found))
    return usable, problems


def inspect_segment(path: Path) -> FoundSegment | str:
    """The segment at ``path``, or why it cannot be read; "" where there is nothing to be read.

    That is a file which was compacted meanwhile, or without a single byte: its writer has not yet
    begun, or was killed before it did.
    """
    try:
        with path.open("rb") as file:
            header = file.readline(_HEADER_LIMIT)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not header:
        return ""
    try:
        found: Any = json.loads(header)
        version = found["schema_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return NO_HEADER
    return version_problem(version) or FoundSegment(path, version)


def left_out(name: str, reason: str) -> str:
    """What to tell of the segment ``name``, which cannot be read, and what to do about it."""
    remedy = " (`lean-agent ledger compact` sets it aside)" if reason == NO_HEADER else ""
    return f"{name}: {reason}: skipped{remedy}"


def torn_lines(name: str, count: int) -> str:
    """What to tell of ``count`` lines of the segment ``name`` that are no entries."""
    return (
        f"{name}: {count} unreadable line{'s' if count > 1 else ''} skipped "
        "(a process was killed while writing, or still writes)"
    )


def version_problem(version: object) -> str:
    """Why a file that says it is of this schema version cannot be read; "" if it can."""
    if type(version) is not int or version < 1:
        return NO_HEADER
    if version > SCHEMA_VERSION:
        return (
            f"written by a newer lean-agent (schema version {version}, this one reads "
            f"{SCHEMA_VERSION}; upgrade to count its entries)"
        )
    return ""
