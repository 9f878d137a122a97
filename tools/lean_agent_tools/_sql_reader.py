"""The process that answers one SELECT over data files, and can reach nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent import LeanAgentError, ToolError
from lean_agent.ledger.statements import lock, refuse_all_but_reading
from lean_agent_tools._child import serve

if TYPE_CHECKING:
    import duckdb

__all__: list[str] = []

_MAX_ROWS = 200
_MAX_CELL_CHARS = 300
_JSON_BYTES, _MAX_JSON_BYTES = 16 * 1024**2, 100_000_000  # of one object: it may be a whole file
_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "1GB",
    "temp_directory": "",  # nothing is written
    "max_temp_directory_size": "0KiB",
    "autoinstall_known_extensions": False,  # a file of another kind would be a download
    "autoload_known_extensions": False,
}
_COLUMNS = """
SELECT concat_ws('.', nullif(table_catalog, 'memory'), table_name) AS "table",
       string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) AS columns
FROM information_schema.columns GROUP BY ALL ORDER BY ALL
"""


def _answer(request: dict[str, Any]) -> str:
    import duckdb

    tables: Mapping[str, Mapping[str, str]] = request["tables"]
    query = str(request["query"]).strip()
    try:
        with duckdb.connect(":memory:", config=_SETTINGS) as connection:
            for table, file in tables.items():
                _open(connection, table, file)
            lock(connection, [Path(file["path"]) for file in tables.values()])
            if query:
                refuse_all_but_reading(connection, query)
            return _rows(connection.execute(query or _COLUMNS))
    except (duckdb.Error, LeanAgentError) as error:
        told = " ".join(str(error).split())
        for file in tables.values():
            told = told.replace(file["path"], file["name"])
        raise ToolError(told[:500]) from error


def _open(connection: duckdb.DuckDBPyConnection, table: str, file: Mapping[str, str]) -> None:
    """Make the file a view, or its tables those of a schema of its name; checks what it holds."""
    path = file["path"].replace("'", "''")
    if any(sign in path for sign in "*?["):
        raise ToolError(f"{file['name']}: the name holds a sign that stands for other names")
    reader = _READERS.get(file["kind"])
    if reader is None:
        _refuse_others(Path(file["path"]), file["name"])
        connection.execute(f"ATTACH '{path}' AS \"{table}\" (READ_ONLY)")
    else:
        source, columns = f"{reader}('{path}')", "*"
        if file["kind"] == ".json":
            size = min(max(Path(file["path"]).stat().st_size, _JSON_BYTES), _MAX_JSON_BYTES)
            source = f"{reader}('{path}', maximum_object_size = {size})"
            columns = _columns(connection, source)
        select = f"SELECT {columns} FROM {source}"  # noqa: S608 - quoted
        connection.execute(f'CREATE VIEW "{table}" AS {select}')


def _refuse_others(path: Path, name: str) -> None:
    """DuckDB would look for an extension that reads it, and tell where on the machine it did."""
    with path.open("rb") as file:
        if file.read(12)[8:] != b"DUCK":
            raise ToolError(f"{name} is no DuckDB file")


def _columns(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    """All of them; of a file that is one list of objects below one name, those of the objects."""
    found = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - quoted
    name, kind = str(found[0][0]), str(found[0][1])
    if len(found) > 1 or not (kind.startswith("STRUCT(") and kind.endswith("[]")):
        return "*"
    if connection.execute(f"SELECT count(*) FROM {source}").fetchone() != (1,):  # noqa: S608
        return "*"
    quoted = name.replace('"', '""')
    return f'unnest("{quoted}", max_depth := 2)'


def _rows(found: duckdb.DuckDBPyConnection) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(name for name, *_ in found.description or ())
    some = found.fetchmany(_MAX_ROWS + 1)
    rows.writerows(map(_cell, row) for row in some[:_MAX_ROWS])
    more = "[there are more rows: ask for fewer]" if len(some) > _MAX_ROWS else ""
    return written.getvalue().encode("utf-8", "replace").decode() + more


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _MAX_CELL_CHARS else f"{text[:_MAX_CELL_CHARS]}..."


if __name__ == "__main__":
    serve(_answer)
