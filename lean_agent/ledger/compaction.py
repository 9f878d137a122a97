"""Compaction: sealed segments become one Parquet file, smaller and faster to read.

The file names what it replaces, and readers leave that out, so its renaming into place is the one
moment at which everything changes hands: killed before it, nothing has happened; killed after it,
the replaced files are leftovers, which the next compaction removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lean_agent.errors import LedgerError
from lean_agent.ledger.compacted import Compacted, compacted_dir, compacted_rows, digest, quoted
from lean_agent.ledger.duckdb_errors import one_line
from lean_agent.ledger.flushing import fsync_directory
from lean_agent.ledger.migrations import SCHEMA_VERSION, columns
from lean_agent.ledger.reading import KEEP_ONE_OF_EACH, find, load
from lean_agent.ledger.segments import (
    NO_HEADER,
    FoundSegment,
    file_stamp,
    find_segments,
    inspect_segment,
    is_unlocked,
    list_files,
    segments_dir,
)

if TYPE_CHECKING:
    import duckdb

__all__ = ["Compaction", "compact", "worth_compacting"]

_MANY_SEGMENTS: Final = 100
_MANY_BYTES: Final = 64_000_000
_SMALL: Final = 32_000_000
"""Bytes of a compacted file that the next compaction takes in: about half a million entries."""

_ABANDONED: Final = 60.0
"""Seconds; a writer that is slower still notices that its file is gone and makes another."""

_MEMORY: Final = "256MB"


class Compaction(NamedTuple):
    """What was compacted: entries in the new file, segments taken in, bytes of the files replaced
    and of the new one, a line on whatever was left out, and one on what was kept in ``damaged``.
    """

    entries: int = 0
    segments: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    problems: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


def worth_compacting(folder: Path) -> bool:
    """Whether there are many sealed segments, or much in them; reads no entries."""
    sealed = _sealed(find_segments(folder)[0])
    return len(sealed) >= _MANY_SEGMENTS or _bytes(each.path for each in sealed) >= _MANY_BYTES


def compact(folder: Path) -> Compaction:
    """Put all sealed segments, and small files of earlier compactions, into one compacted file.

    Of an id that was entered open and closed the closed row is kept. A segment without a header or
    with unreadable lines is kept whole in the folder ``damaged``; one that cannot be read for
    another reason stays where it is.
    Memory is bounded (256 MB and what Python takes); what does not fit is spilled into the ledger's
    folder and removed at the end.

    Raises:
        LedgerError: another compaction is running, or the disk is full or read-only; then nothing
            has changed.
    """
    import duckdb
    from filelock import FileLock, Timeout

    folder = Path(folder).absolute()
    if not folder.is_dir():
        return Compaction()
    try:
        with (
            FileLock(folder / "compaction.lock", timeout=0),
            _scratch(folder) as scratch,
            duckdb.connect(":memory:") as connection,
        ):
            return _compact(connection, folder, scratch)
    except Timeout:
        raise LedgerError(
            f"another compaction of {folder} is running", hint="wait for it to end"
        ) from None
    except (OSError, duckdb.Error) as error:
        raise LedgerError(
            f"the ledger in {folder} could not be compacted ({one_line(error)})",
            hint="no entry is lost; `lean-agent ledger compact` tries again",
        ) from None


def _compact(connection: duckdb.DuckDBPyConnection, folder: Path, scratch: Path) -> Compaction:
    connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute(f"SET temp_directory = {quoted(str(scratch))}")
    set_aside = _set_aside_headless(folder)
    files = find(connection, folder)
    leftovers = [path for path in files.replaced if not _removed(path)]
    _remove_abandoned(folder)
    sealed = _sealed(files.segments)
    small = [each for each in files.compacted if each.path.stat().st_size < _SMALL]
    if not sealed:
        return Compaction(problems=tuple(files.problems), set_aside=tuple(set_aside))

    loaded = load(connection, sealed)
    taken = [each.path for each in sealed if each.path.name not in loaded.unreadable]
    merged = [*taken, *(each.path for each in small)]
    before = _bytes(merged)
    _gather(connection, small, [each for each in files.compacted if each not in small])
    problems = [*files.problems, *loaded.unreadable.values()]
    for name, problem in loaded.torn.items():
        kept = _keep_aside(segments_dir(folder) / name, folder / "damaged")
        set_aside.append(f"{problem}; kept in {kept}")
    entries = _write(connection, scratch / "new", replaces=[*merged, *leftovers])
    new = _commit(scratch / "new", compacted_dir(folder))
    problems += [f"{path.name}: replaced but not removed" for path in merged if not _removed(path)]
    # Else a power cut may bring them back, when the file that names them is itself replaced.
    fsync_directory(segments_dir(folder))
    return Compaction(entries, len(taken), before, _bytes([new]), tuple(problems), tuple(set_aside))


def _gather(
    connection: duckdb.DuckDBPyConnection, small: list[Compacted], others: list[Compacted]
) -> None:
    """Add the rows of ``small`` to those loaded, one of each id, and none closed in ``others``."""
    if small:
        connection.execute(f"INSERT INTO loaded BY NAME SELECT * FROM {compacted_rows(small)}")  # noqa: S608
    connection.execute(KEEP_ONE_OF_EACH)
    if others:
        connection.execute(
            f"DELETE FROM loaded WHERE id IN (SELECT id FROM {compacted_rows(others)}"  # noqa: S608
            " WHERE state IS DISTINCT FROM 'open')"
        )


def _write(connection: duckdb.DuckDBPyConnection, path: Path, *, replaces: list[Path]) -> int:
    names = quoted(json.dumps([each.name for each in replaces]))
    ((count,),) = connection.execute(f"""
        COPY (SELECT {", ".join(columns())}, segment FROM loaded ORDER BY ts)
        TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd,
            KV_METADATA {{schema_version: '{SCHEMA_VERSION}', replaces: {names}}})
    """).fetchall()  # noqa: S608
    return count


def _commit(written: Path, directory: Path) -> Path:
    """Rename the file into place, whole and on the disk itself; where it is then."""
    directory.mkdir(mode=0o700, exist_ok=True)
    written.chmod(0o400)
    fd = os.open(written, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    path = directory / f"{file_stamp()}-{digest(written)}.parquet"
    written.rename(path)
    fsync_directory(directory)
    return path


def _sealed(segments: list[FoundSegment]) -> list[FoundSegment]:
    sealed: list[FoundSegment] = []
    for segment in segments:
        with contextlib.suppress(OSError):  # compacted meanwhile, or not ours to open
            if segment.is_sealed():
                sealed.append(segment)
    return sealed


def _remove_abandoned(folder: Path) -> None:
    """Remove empty segments: their writers were killed between making the file and its header."""
    for path in list_files(segments_dir(folder), ".jsonl")[0]:
        now = path.stat()
        if now.st_size == 0 and time.time() - now.st_mtime > _ABANDONED:
            _removed(path)


def _set_aside_headless(folder: Path) -> list[str]:
    """Move segments without a header to ``damaged``: their writers were killed while writing it."""
    headless: list[Path] = []
    for path in list_files(segments_dir(folder), ".jsonl")[0]:
        with contextlib.suppress(OSError):  # not ours to open
            if inspect_segment(path) == NO_HEADER and is_unlocked(path):
                headless.append(path)
    told: list[str] = []
    for path in headless:
        kept = _keep_aside(path, folder / "damaged")
        if kept.samefile(path):  # and not another file that had that name already
            path.unlink()
            told.append(f"{path.name}: {NO_HEADER}: kept in {kept}")
    return told


def _keep_aside(segment: Path, directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    kept = directory / segment.name
    with contextlib.suppress(FileExistsError):  # kept by a compaction that was then killed
        os.link(segment, kept)
    return kept


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


@contextlib.contextmanager
def _scratch(folder: Path) -> Generator[Path]:
    """A folder on the same file system, for what is not yet finished."""
    scratch = folder / "compacting"
    shutil.rmtree(scratch, ignore_errors=True)  # of a compaction that was killed
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
