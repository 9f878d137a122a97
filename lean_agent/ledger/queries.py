"""Questions to the ledger, answered by DuckDB over all segments. Spec: ledger ("Storage").

Every call reads the segments into an in-memory table first and then shuts DuckDB off from files
and network: a query can change nothing and read nothing but the entries. A segment or line that
cannot be read is left out of every answer and named by ``problems``.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lean_agent.errors import LedgerError
from lean_agent.ledger.segments import find_segments

if TYPE_CHECKING:
    import duckdb

__all__ = ["problems", "runs", "show", "sql", "summary"]

# The columns of Entry.to_row() with their types in DuckDB.
_COLUMNS = {
    "id": "VARCHAR",
    "state": "VARCHAR",
    "ts": "DOUBLE",
    "run_id": "VARCHAR",
    "step": "BIGINT",
    "parent_id": "VARCHAR",
    "task_id": "VARCHAR",
    "session_id": "VARCHAR",
    "operation": "VARCHAR",
    "purpose": "VARCHAR",
    "mode": "VARCHAR",
    "provider": "VARCHAR",
    "model": "VARCHAR",
    "tool": "VARCHAR",
    "input_tokens": "BIGINT",
    "uncached_input_tokens": "BIGINT",
    "cache_read_input_tokens": "BIGINT",
    "cache_creation_input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "reasoning_output_tokens": "BIGINT",
    "cost": "VARCHAR",
    "list_cost": "VARCHAR",
    "saved_tokens": "BIGINT",
    "provenance": "VARCHAR",
    "price_ref": "VARCHAR",
    "attempt": "BIGINT",
    "finish_reason": "VARCHAR",
    "error_type": "VARCHAR",
    "seconds": "DOUBLE",
    "prompt_seconds": "DOUBLE",
    "output_seconds": "DOUBLE",
    "queue_seconds": "DOUBLE",
}

# Exact to 18 decimals of a dollar: the price of one cached token needs about 11.
_VIEW = """
CREATE VIEW entries AS
SELECT * REPLACE (try_cast(cost AS DECIMAL(38, 18)) AS cost),
       CASE WHEN ts BETWEEN 0 AND 253402300799  -- to the end of the year 9999
            THEN make_timestamp(CAST(ts * 1000000 AS BIGINT)) END AS time,
       CAST(time AS DATE) AS day
FROM lines
"""

_TOTALS = """
    count(*) AS calls,
    count(*) FILTER (attempt > 1) AS retries,
    count(*) FILTER (error_type IS NOT NULL) AS failed_calls,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(uncached_input_tokens), 0) AS uncached_input_tokens,
    coalesce(sum(cache_read_input_tokens), 0) AS cache_read_input_tokens,
    coalesce(sum(cache_creation_input_tokens), 0) AS cache_creation_input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(reasoning_output_tokens), 0) AS reasoning_output_tokens,
    coalesce(sum(cost), 0) AS known_cost,
    count(*) FILTER (cost IS NULL) AS unpriced_calls,
    CASE WHEN unpriced_calls = 0 THEN known_cost END AS cost,
    count(*) FILTER (provenance LIKE '%estimated%') AS estimated_calls,
    count(*) FILTER (provenance LIKE '%self_hosted%') AS self_hosted_calls,
    coalesce(sum(input_tokens + output_tokens) FILTER (provenance LIKE '%self_hosted%'), 0)
        AS self_hosted_tokens,
    coalesce(sum(seconds), 0.0) AS seconds
"""

_KEYS = {
    "model": "CASE WHEN model <> '' THEN provider || ':' || model END",
    "day": "strftime(day, '%Y-%m-%d')",
    "purpose": "purpose",
    "run": "run_id",
    "mode": "mode",
}

_ISO = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')"

_WIDE = Context(prec=40)


def summary(
    folder: Path, *, by: Literal["model", "day", "purpose", "run", "mode"] = "model"
) -> list[dict[str, Any]]:
    """Totals of each model, UTC day, purpose, run or mode, the dearest first (days in order).

    The group's key is under the name ``by``; it is None for rows that have none (a tool's call
    has no model). ``cost`` is the exact sum in US dollars, or None where a call of the group is
    unpriced; then ``known_cost`` sums the rest and ``unpriced_calls`` counts what is missing.
    Calls of models on the user's own machine without a rate add 0 to the cost; they are counted
    apart in ``self_hosted_calls`` and ``self_hosted_tokens``.

    Raises:
        LedgerError: ``by`` is none of these.
    """
    key = _KEYS.get(by)
    if key is None:
        raise LedgerError(f"cannot sum by {by!r}", hint=f"one of: {', '.join(_KEYS)}")
    order = "1" if by == "day" else "known_cost DESC, calls DESC, 1"
    query = f'SELECT {key} AS "{by}", {_TOTALS} FROM entries GROUP BY 1 ORDER BY {order}'  # noqa: S608
    with _opened(folder) as ledger:
        return _rows(ledger.connection, query)


def runs(folder: Path, *, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs first: id, start (ISO 8601, UTC), mode, models, steps and the totals.

    The totals are those of ``summary``.
    """
    query = f"""
        SELECT run_id, {_ISO.format("min(time)")} AS started_at,
               arg_max(mode, ts) AS mode,
               list_sort(list_distinct(list({_KEYS["model"]}))) AS models,
               count(DISTINCT step) FILTER (step > 0) AS steps,
               {_TOTALS}
        FROM entries GROUP BY run_id ORDER BY min(ts) DESC, run_id LIMIT $limit
    """  # noqa: S608
    with _opened(folder) as ledger:
        return _rows(ledger.connection, query, {"limit": max(0, limit)})


def show(folder: Path, run_id: str) -> list[dict[str, Any]]:
    """The entries of one run in order, with ``time`` (ISO 8601, UTC); ``run_id`` may be a prefix.

    Raises:
        LedgerError: no run begins so, or several do.
    """
    with _opened(folder) as ledger:
        found = _rows(
            ledger.connection,
            "SELECT DISTINCT run_id FROM entries WHERE starts_with(run_id, $prefix)"
            " ORDER BY run_id <> $prefix, run_id LIMIT 4",
            {"prefix": _utf8(run_id)},
        )
        names: list[str] = [row["run_id"] for row in found]
        if not names or not run_id:
            raise LedgerError(
                f"the ledger has no run {run_id!r}", hint="`lean-agent ledger runs` lists them"
            )
        if len(names) > 1 and names[0] != run_id:
            raise LedgerError(
                f"several runs begin with {run_id!r}",
                hint=f"give more of it: {', '.join(names[:3])}{' ...' if names[3:] else ''}",
            )
        query = f"""
            SELECT * EXCLUDE (time, day), {_ISO.format("time")} AS time
            FROM entries WHERE run_id = $run ORDER BY ts, id
        """  # noqa: S608
        return _rows(ledger.connection, query, {"run": names[0]})


def sql(folder: Path, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Any DuckDB query over the view ``entries``: the column names and the rows.

    Beside the columns of ``Entry.to_row`` the view has ``time`` (a timestamp, UTC) and ``day``;
    ``cost`` is a DECIMAL(38, 18). Nothing outside the view can be read and nothing written.

    Raises:
        LedgerError: the query is empty or wrong; the message is DuckDB's first line.
    """
    import duckdb

    with _opened(folder) as ledger:
        try:
            # None, against its declared type, where there is no statement to run.
            result: duckdb.DuckDBPyConnection | None = ledger.connection.execute(_utf8(query))
            if result is None:  # pyright: ignore[reportUnnecessaryComparison]
                raise LedgerError("the query is empty", hint='try "select * from entries limit 5"')
            return [str(column[0]) for column in result.description], result.fetchall()
        except duckdb.Error as error:
            line = str(error).split("\n", 1)[0]
            raise LedgerError(line, hint='"describe entries" lists the columns') from None


def problems(folder: Path) -> list[str]:
    """One line on each segment that is left out or has unreadable lines; empty if all is well."""
    with _opened(folder) as ledger:
        return ledger.problems


class _Opened(NamedTuple):
    connection: duckdb.DuckDBPyConnection
    problems: list[str]


@contextmanager
def _opened(folder: Path) -> Generator[_Opened]:
    import duckdb

    segments, found = find_segments(folder)
    with duckdb.connect(":memory:") as connection:
        # Data larger than memory would otherwise be spilled into the current folder.
        connection.execute("SET temp_directory = ''")
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        connection.execute(f"CREATE TABLE raw ({columns}, schema_version BIGINT, filename VARCHAR)")
        found += _load(connection, segments)
        found += _torn_lines(connection)
        _keep_one_of_each(connection)
        connection.execute(f"CREATE VIEW lines AS SELECT {', '.join(_COLUMNS)} FROM raw")  # noqa: S608
        connection.execute(_VIEW)
        for setting in (
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        yield _Opened(connection, found)


def _load(connection: duckdb.DuckDBPyConnection, segments: list[Path]) -> list[str]:
    import duckdb

    def insert(paths: list[Path]) -> None:
        # With the columns given, a line that is no JSON object becomes a row of NULLs.
        connection.execute(
            "INSERT INTO raw BY NAME SELECT * FROM read_json($files, columns = $columns, "
            "format = 'newline_delimited', ignore_errors = true, filename = true)",
            {
                "files": [str(path.absolute()) for path in paths],
                "columns": {**_COLUMNS, "schema_version": "BIGINT"},
            },
        )

    if not segments:
        return []
    try:
        insert(segments)
    except duckdb.Error:
        # One of them vanished or is damaged beyond lines: find out which.
        unreadable: list[str] = []
        for path in segments:
            try:
                insert([path])
            except duckdb.Error as error:
                reason = str(error).split("\n", 1)[0]
                unreadable.append(f"{path.name}: cannot be read ({reason}): skipped")
        return unreadable
    return []


def _torn_lines(connection: duckdb.DuckDBPyConnection) -> list[str]:
    torn = connection.execute(
        "SELECT filename, count(*) FROM raw WHERE id IS NULL AND schema_version IS NULL"
        " GROUP BY filename ORDER BY filename"
    ).fetchall()
    connection.execute("DELETE FROM raw WHERE id IS NULL")
    return [
        f"{Path(name).name}: {count} unreadable line{'s' if count > 1 else ''} skipped "
        "(a process was killed while writing, or still writes)"
        for name, count in torn
    ]


def _keep_one_of_each(connection: duckdb.DuckDBPyConnection) -> None:
    # An interrupted writer may write a line again, and a user may copy a segment.
    doubled = connection.execute("SELECT count(*) > count(DISTINCT id) FROM raw").fetchone()
    if doubled and doubled[0]:
        connection.execute(
            "DELETE FROM raw WHERE rowid NOT IN (SELECT min(rowid) FROM raw GROUP BY id)"
        )


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    result = connection.execute(query, values or {})
    names = [str(column[0]) for column in result.description]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in result.fetchall()
    ]


def _utf8(text: str) -> str:
    # An argument of the command line that is not UTF-8 arrives with lone surrogates.
    return text.encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any) -> Any:
    """Money without the zeros that a column's scale adds: 0.5 rather than 0.500000000000000000."""
    if not isinstance(value, Decimal):
        return value
    return Decimal(format(_WIDE.normalize(value), "f"))
