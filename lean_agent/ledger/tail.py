"""Following the ledger while other processes write it.

A segment is read to its end and let go once it is sealed. One that came and went between two looks
was compacted: its rows are then taken from the compacted file, where each says which segment it
came from.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from lean_agent._threads import in_daemon_thread
from lean_agent.ledger.compacted import Compacted, compacted_dir, compacted_rows, inspect_compacted
from lean_agent.ledger.migrations import ALWAYS, MONEY, columns
from lean_agent.ledger.reading import money_text
from lean_agent.ledger.segments import (
    FoundSegment,
    inspect_segment,
    left_out,
    list_files,
    segments_dir,
    torn_lines,
)

if TYPE_CHECKING:
    import duckdb

__all__ = ["follow"]

_CHUNK: Final = 1 << 20
"""Bytes read at once; a line is far shorter."""

_BATCH: Final = 500
"""Rows handed from the reading thread to the event loop at once."""


async def follow(
    folder: Path,
    *,
    poll: float = 0.2,
    since_start: bool = False,
    tell: Callable[[str], object] | None = None,
) -> AsyncGenerator[dict[str, Any]]:
    """Every row that any process appends from now on, as ``Entry.to_row`` made it.

    Looks for more each ``poll`` seconds, for ever. Whole lines only, none twice: a call that may be
    billed comes as two rows, open and then closed. With ``since_start`` all rows already there come
    first; of those compacted, only the closed one. A line that is no entry is left out, and
    ``tell`` is called with a line on it, as ``queries.problems`` has them. A segment of an older
    version has the columns it was given.
    """
    follower = _Follower(folder)
    try:
        if not since_start:
            await in_daemon_thread(follower.skip)
        while True:
            rows = follower.rows()
            while batch := await in_daemon_thread(lambda rows=rows: list(islice(rows, _BATCH))):
                for row in batch:
                    yield row
            if tell is not None:
                for problem in follower.take_problems():
                    tell(problem)
            await asyncio.sleep(poll)
    finally:
        follower.close()


class _Following:
    """A segment that is being followed."""

    def __init__(self, segment: FoundSegment) -> None:
        self.segment = segment
        self._fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        self._position = 0
        self._last = b""
        self._torn = 0

    def skip(self) -> None:
        """Leave out all whole lines that are there."""
        start = max(0, os.fstat(self._fd).st_size - _CHUNK)
        self._position = start + os.pread(self._fd, _CHUNK, start).rfind(b"\n") + 1

    def rows(self) -> Iterator[dict[str, Any]]:
        while chunk := os.pread(self._fd, _CHUNK, self._position):
            end = chunk.rfind(b"\n") + 1
            if not end and len(chunk) < _CHUNK:
                return  # a line that is still being written, or was torn
            # What is longer than any line is damage.
            self._position += end or len(chunk)
            yield from self._parsed(chunk[:end])

    def _parsed(self, lines: bytes) -> Iterator[dict[str, Any]]:
        for line in lines.splitlines():
            if not line or line == self._last:
                continue  # an interrupted writer may have written its line again
            self._last = line
            try:
                found: Any = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            row = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
            if all(isinstance(row.get(name), str) for name in ALWAYS):
                yield row
            elif "schema_version" not in row or "id" in row:
                self._torn += 1  # and no header

    def take_problem(self, *, sealed: bool) -> str:
        """A line on what was no entry since the last call; "" if there was nothing."""
        torn, self._torn = self._torn, 0
        if sealed and os.fstat(self._fd).st_size > self._position:
            torn += 1
        return torn_lines(self.segment.path.name, torn) if torn else ""

    def is_sealed(self) -> bool:
        try:
            return self.segment.is_sealed()
        except FileNotFoundError:
            return True  # and compacted

    def close(self) -> None:
        os.close(self._fd)


class _Follower:
    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder).absolute()
        self._open: dict[str, _Following] = {}
        # The names of all segments and compacted files that need not be looked at again.
        self._known: set[str] = set()
        self._problems: list[str] = []

    def take_problems(self) -> list[str]:
        """A line on each segment with something unreadable in it since the last call."""
        problems, self._problems = self._problems, []
        return problems

    def skip(self) -> None:
        """Leave out what is there already."""
        for following in self._begin():
            if following.is_sealed():
                self._end(following)
            else:
                following.skip()
        for connection, file in self._compacted():
            self._known |= _segments_in(connection, file)
        self._problems.clear()

    def rows(self) -> Iterator[dict[str, Any]]:
        """What was appended since the last call."""
        for following in chain(list(self._open.values()), self._begin()):
            sealed = following.is_sealed()  # asked first: what is sealed grows no more
            yield from following.rows()
            if problem := following.take_problem(sealed=sealed):
                self._problems.append(problem)
            if sealed:
                self._end(following)
        for connection, file in self._compacted():
            yield from _rows_beyond(connection, file, self._known)
            self._known |= _segments_in(connection, file)

    def close(self) -> None:
        for following in list(self._open.values()):
            self._end(following)

    def _begin(self) -> Iterator[_Following]:
        """Each segment that is new, opened when it is asked for."""
        for path in list_files(segments_dir(self._folder), ".jsonl")[0]:
            if path.name in self._known:
                continue
            found = inspect_segment(path)
            if isinstance(found, FoundSegment):
                try:
                    following = _Following(found)
                except FileNotFoundError:
                    continue  # compacted meanwhile
                self._known.add(path.name)
                self._open[path.name] = following
                yield following
            elif found:
                self._problems.append(left_out(path.name, found))
                self._known.add(path.name)

    def _end(self, following: _Following) -> None:
        if self._open.pop(following.segment.path.name, None) is not None:
            following.close()

    def _compacted(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Compacted]]:
        """Each compacted file that is new."""
        paths = list_files(compacted_dir(self._folder), ".parquet")[0]
        new = [path for path in paths if path.name not in self._known]
        if not new:
            return
        import duckdb

        with duckdb.connect(":memory:") as connection:
            for path in new:
                found = inspect_compacted(connection, path)
                if isinstance(found, Compacted):
                    yield connection, found
                if found != "":
                    self._known.add(path.name)


def _segments_in(connection: duckdb.DuckDBPyConnection, file: Compacted) -> set[str]:
    query = f"SELECT DISTINCT segment FROM {compacted_rows([file])}"  # noqa: S608
    return {name for (name,) in connection.execute(query).fetchall()}


def _rows_beyond(
    connection: duckdb.DuckDBPyConnection, file: Compacted, known: set[str]
) -> Iterator[dict[str, Any]]:
    values = [
        f"{money_text(name)} AS {name}" if kind == MONEY else name
        for name, kind in columns().items()
    ]
    result = connection.execute(
        f"SELECT {', '.join(values)} FROM {compacted_rows([file])}"  # noqa: S608
        " WHERE segment NOT IN (SELECT unnest(CAST($known AS VARCHAR[])))",
        {"known": sorted(known)},
    )
    names = [str(column[0]) for column in result.description]
    while batch := result.fetchmany(_BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))
