"""What has changed in a folder since its index was built, and the passages it holds now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lean_agent.retrieval.corpus import read_passages
from lean_agent.retrieval.documents import READER_VERSION, UnreadableError
from lean_agent.retrieval.files import Skipped, read_file, reason, relative, walk
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.manifest import Chunking, FileRecord
from lean_agent.retrieval.passages import PassageWriter

__all__ = ["Found", "Scan", "scan", "write_passages"]

_CLOCK_GRAIN_NS = 2_000_000_000
"""A file that was changed so shortly before a build may change again without a new time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and where the old index has its passages; None where it must be read."""

    path: Path
    source: str
    old: FileRecord | None = None
    first: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """``left_out`` are the files and folders that were not even looked into; ``changed`` says that
    the old index does not hold what the folder holds.
    """

    files: tuple[Found, ...]
    left_out: tuple[Skipped, ...]
    changed: bool


def scan(root: Path, old: Index | None, *, without: Path) -> Scan:
    """Walk a folder, without the one given, and compare it with what the old index was made from.

    Size and time tell quickly that a file is the same; where they differ, its content decides.
    """
    known: dict[str, tuple[FileRecord, int]] = {}
    if old is not None and old.manifest.chunking == Chunking():
        first = 0
        for record in old.files():
            known[record.path] = record, first
            first += record.passages
    left_out: list[Skipped] = []
    files: list[Found] = []
    for path in walk(root, left_out, without=without):
        source = relative(path, root)
        record, first = known.pop(source, (None, 0))
        same = None
        if record is not None and old is not None:
            same = _unchanged(record, path, root, old.manifest.built_ns)
        files.append(Found(path, source, same, first))
    changed = old is None or bool(known) or any(file.old is None for file in files)
    return Scan(tuple(files), tuple(left_out), changed)


def write_passages(
    scan: Scan,
    root: Path,
    old: Index | None,
    writer: PassageWriter,
    progress: Callable[[int, int], None],
) -> list[FileRecord]:
    """Write the passages of every file, those of unchanged ones as the old index has them."""
    records: list[FileRecord] = []
    for number, file in enumerate(scan.files, 1):
        if file.old is not None and old is not None:
            for place in range(file.first, file.first + file.old.passages):
                writer.add(old.passages[place])
            records.append(file.old)
        else:
            records.append(_read(file, root, writer))
        progress(number, len(scan.files))
    return records


def _unchanged(record: FileRecord, path: Path, root: Path, built_ns: int) -> FileRecord | None:
    """The record as it holds today; None where the file has changed."""
    if record.reader != READER_VERSION:
        return None
    size, mtime_ns = _stamp(path)
    settled = mtime_ns < built_ns - _CLOCK_GRAIN_NS
    if record.content and settled and (size, mtime_ns) == (record.size, record.mtime_ns):
        return record
    try:
        same = _digest(read_file(path, root)) == record.content
    except (UnreadableError, OSError) as error:
        same = not record.content and record.skipped == reason(error)
    return replace(record, size=size, mtime_ns=mtime_ns) if same else None


def _read(file: Found, root: Path, writer: PassageWriter) -> FileRecord:
    # Taken before the content: a file that changes meanwhile has another stamp next time.
    size, mtime_ns = _stamp(file.path)
    content, skipped, count = "", "", len(writer)
    try:
        data = read_file(file.path, root)
        content = _digest(data)
        for passage in read_passages(file.source, data):
            writer.add(passage)
    except (UnreadableError, OSError) as error:
        skipped = reason(error)
    count = len(writer) - count
    return FileRecord(file.source, size, mtime_ns, content, READER_VERSION, count, skipped)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except (OSError, RuntimeError):
        return -1, -1
    return about.st_size, about.st_mtime_ns


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
