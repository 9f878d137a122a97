"""Reading the ledger: DuckDB over all segments and all compacted files at once.

The files are listed segments first: a segment compacted a moment later is then seen twice, and the
compacted file says that it replaces it, while the other order could see it in neither. A file that
is gone before it was read has been compacted, so everything is read again.

An id counts once. A closed row goes before an open one, wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from lean_agent.errors import LedgerError
from lean_agent.ledger.compacted import Compacted, compacted_dir, compacted_rows, inspect_compacted
from lean_agent.ledger.duckdb_errors import one_line
from lean_agent.ledger.migrations import ALWAYS, MONEY, columns, upgraded
from lean_agent.ledger.segments import FoundSegment, find_segments, list_files, torn_lines

if TYPE_CHECKING:
    import duckdb

__all__ = ["KEEP_ONE_OF_EACH", "Files", "Opened", "ask", "find", "load", "money_text"]

_Answer = TypeVar("_Answer")

# A row still open has no end to show: whoever wrote it is still at it, or was killed.
_VIEW: Final = """
SET schema = 'main';
CREATE VIEW entries AS
SELECT * REPLACE (CASE WHEN state = 'open' THEN coalesce(error_type, 'unfinished')
                       ELSE error_type END AS error_type),
       CASE WHEN ts BETWEEN 0 AND 253402300799  -- to the end of the year 9999
            THEN make_timestamp(CAST(ts * 1000000 AS BIGINT)) END AS time,
       CAST(time AS DATE) AS day
FROM ({rows})
"""

# Of the rows of one id the closed one, else whichever comes first.
KEEP_ONE_OF_EACH: Final = """
DELETE FROM loaded WHERE rowid NOT IN (
    SELECT coalesce(min(rowid) FILTER (state IS DISTINCT FROM 'open'), min(rowid))
    FROM loaded GROUP BY id)
"""


class Files(NamedTuple):
    """What the ledger consists of at one moment; ``replaced`` are leftovers that do not count."""

    segments: list[FoundSegment]
    compacted: list[Compacted]
    replaced: list[Path]
    problems: list[str]

    def vanished(self) -> bool:
        return not all(file.path.exists() for file in (*self.segments, *self.compacted))


class Loaded(NamedTuple):
    """What was wrong with the segments that were read: file names and one line on each."""

    torn: dict[str, str]
    unreadable: dict[str, str]


class Opened(NamedTuple):
    """A connection in which the view ``entries`` is the whole ledger."""

    connection: duckdb.DuckDBPyConnection
    files: Files
    problems: list[str]


def ask(
    folder: Path,
    work: Callable[[Opened], _Answer],
    *,
    hint: str = "",
    left_out: list[str] | None = None,
) -> _Answer:
    """What ``work`` finds in the ledger; it is called again where a file was compacted meanwhile.

    ``left_out`` gets a line on each file or line that could not be read.

    Raises:
        LedgerError: DuckDB gave up; the message is its first line.
    """
    import duckdb

    while True:
        with duckdb.connect(":memory:") as connection:
            # Data larger than memory would otherwise be spilled into the current folder.
            connection.execute("SET temp_directory = ''")
            files = find(connection, folder)
            try:
                opened = _opened(connection, files)
                answer = work(opened)
            except RuntimeError as error:
                if "interrupted" in str(error):  # how DuckDB tells of Ctrl-C
                    raise KeyboardInterrupt from None
                raise
            except duckdb.Error as error:
                if not files.vanished():
                    raise LedgerError(one_line(error), hint=hint) from None
            else:
                if left_out is not None:
                    left_out += opened.problems
                return answer


def _opened(connection: duckdb.DuckDBPyConnection, files: Files) -> Opened:
    names = ", ".join(columns())
    # Apart from the view, so that it alone is listed.
    connection.execute("CREATE SCHEMA internal; SET schema = 'internal'")
    loaded = load(connection, files.segments)
    rows = f"SELECT {names} FROM internal.loaded"  # noqa: S608
    if files.compacted:
        compacted = compacted_rows(files.compacted)
        # One file has an id once; to look for doubled ones takes as long as a sum over all.
        alone = len(files.compacted) == 1 and not files.segments
        if not alone and _take_doubled(connection, compacted):
            compacted += " ANTI JOIN internal.doubled USING (id)"
        rows = f"SELECT {names} FROM {compacted} UNION ALL {rows}"  # noqa: S608
    connection.execute(KEEP_ONE_OF_EACH)
    connection.execute(_VIEW.format(rows=rows))
    told = (*loaded.torn.values(), *loaded.unreadable.values())
    return Opened(connection, files, [*files.problems, *told])


def _take_doubled(connection: duckdb.DuckDBPyConnection, compacted: str) -> bool:
    """Copy to ``loaded`` what is there or in another compacted file as well; whether any is.

    A closed row is in one compacted file only (compaction sees to it), so an id that is neither in
    a segment nor open is there once.
    """
    connection.execute(f"""
        CREATE TABLE hits AS
        SELECT id FROM {compacted} SEMI JOIN (
            SELECT id FROM loaded UNION ALL SELECT id FROM {compacted} WHERE state = 'open'
        ) USING (id);
        CREATE TABLE doubled AS
        SELECT id FROM hits GROUP BY id HAVING count(*) > 1
        UNION SELECT id FROM hits SEMI JOIN loaded USING (id);
        INSERT INTO loaded BY NAME SELECT * FROM {compacted} SEMI JOIN doubled USING (id);
    """)  # noqa: S608
    ((found,),) = connection.execute("SELECT count(*) > 0 FROM doubled").fetchall()
    return bool(found)


def money_text(value: str) -> str:
    """Exact text of a DECIMAL(38, 18), without the zeros that its scale adds: 0.5."""
    return f"rtrim(rtrim(CAST(CAST({value} AS {MONEY}) AS VARCHAR), '0'), '.')"


def load(connection: duckdb.DuckDBPyConnection, segments: Iterable[FoundSegment]) -> Loaded:
    """Make the table ``loaded`` of the segments' rows, each with the name of its ``segment``."""
    import duckdb

    table = {**columns(), "segment": "VARCHAR", "schema_version": "BIGINT"}
    connection.execute(f"CREATE TABLE loaded ({', '.join(f'{n} {t}' for n, t in table.items())})")
    unreadable: dict[str, str] = {}
    by_version = groupby(sorted(segments, key=lambda file: file.version), lambda file: file.version)
    for version, group in by_version:
        paths = [file.path for file in group]
        try:
            _insert(connection, paths, version)
        except duckdb.Error:
            # One of them vanished or is damaged beyond lines: find out which.
            for path in paths:
                try:
                    _insert(connection, [path], version)
                except duckdb.Error as error:
                    if not path.exists():
                        raise
                    reason = one_line(error)
                    unreadable[path.name] = f"{path.name}: cannot be read ({reason}): skipped"
    return Loaded(_remove_torn(connection), unreadable)


def _insert(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], version: int) -> None:
    kinds = columns(version)
    # Money is a string in a segment; one that is no number is an unknown cost, not a torn line.
    values = ", ".join(
        f"try_cast({name} AS {kind}) AS {name}" if kind == MONEY else name
        for name, kind in kinds.items()
    )
    # With the columns given, a line that is no JSON object becomes a row of NULLs.
    rows = f"""(
        SELECT {values}, schema_version, parse_filename(filename) AS segment
        FROM read_json($files, columns = $columns, format = 'newline_delimited',
                       ignore_errors = true, filename = true))
    """  # noqa: S608
    connection.execute(
        f"INSERT INTO loaded BY NAME {upgraded(rows, version)}",
        {
            "files": [str(path.absolute()) for path in paths],
            "columns": {name: "VARCHAR" if kind == MONEY else kind for name, kind in kinds.items()}
            | {"schema_version": "BIGINT"},
        },
    )


def _remove_torn(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    no_entry = " OR ".join(f"{name} IS NULL" for name in ALWAYS)
    torn = connection.execute(f"""
        SELECT segment, count(*) FROM loaded
        WHERE ({no_entry}) AND (id IS NOT NULL OR schema_version IS NULL)  -- not a header
        GROUP BY segment ORDER BY segment
    """).fetchall()  # noqa: S608
    connection.execute(f"DELETE FROM loaded WHERE {no_entry}")  # noqa: S608
    return {name: torn_lines(name, count) for name, count in torn}


def find(connection: duckdb.DuckDBPyConnection, folder: Path) -> Files:
    """The files that count, the leftovers that do not, and a line on each that cannot be read."""
    segments, problems = find_segments(folder)
    compacted: list[Compacted] = []
    paths, unlisted = list_files(compacted_dir(folder), ".parquet")
    problems += unlisted
    digests: set[str] = set()
    for path in paths:
        found = inspect_compacted(connection, path)
        if found == "":  # replaced by a file that is too new for this list
            return find(connection, folder)
        if isinstance(found, Compacted) and found.digest in digests:
            found = "a copy of another one"
        if isinstance(found, Compacted):
            compacted.append(found)
            digests.add(found.digest)
        else:
            problems.append(f"{path.name}: {found}: skipped")
    names = {name for each in compacted for name in each.replaces}

    def counts(file: FoundSegment | Compacted) -> bool:
        return file.path.name not in names

    return Files(
        [each for each in segments if counts(each)],
        [each for each in compacted if counts(each)],
        [each.path for each in (*segments, *compacted) if not counts(each)],
        problems,
    )
