"""What a user's SQL may do to the ledger: read it, and nothing else.

DuckDB lets a SELECT write (``WITH x AS (COPY ... TO ...)``) and call functions that open files or
change settings, so its own parser's tree is searched for anything but plain reading. Beneath that,
DuckDB is shut off from every file but the compacted ones, and from its settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.errors import LedgerError

if TYPE_CHECKING:
    import duckdb

__all__ = ["lock", "refuse_all_but_reading"]

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLE_FUNCTIONS = {"generate_series", "range", "unnest"}

_HINT = "a SELECT over the view entries; it can change nothing and open no file"


def lock(connection: duckdb.DuckDBPyConnection, readable: Iterable[Path]) -> None:
    """From now on nothing outside ``readable`` can be reached, and this cannot be undone."""
    connection.execute("SET allowed_paths = $paths", {"paths": [str(path) for path in readable]})
    for setting in (
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def refuse_all_but_reading(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises LedgerError where ``query`` is wrong or would do anything but read."""
    ((tree,),) = connection.execute(
        "SELECT json_serialize_sql($query)", {"query": query}
    ).fetchall()
    ((error, kind, count),) = connection.execute(
        "SELECT $tree ->> '$.error_message', $tree ->> '$.error_type',"
        " json_array_length($tree, '$.statements')",
        {"tree": tree},
    ).fetchall()
    if error:
        only_select = kind == "not implemented"
        raise LedgerError("only SELECT is allowed" if only_select else error, hint=_HINT)
    if not count:
        raise LedgerError("the query is empty", hint='try "select * from entries limit 5"')
    found = connection.execute(
        "SELECT DISTINCT key, atom ->> '$' FROM json_tree($tree)"
        " WHERE key = 'type' AND ends_with(atom ->> '$', '_NODE')"
        " OR fullkey LIKE '%.function.function_name'",
        {"tree": tree},
    ).fetchall()
    for key, name in found:
        if key == "type" and name not in _QUERIES:
            verb = name.removesuffix("_NODE").removesuffix("_QUERY")
            raise LedgerError(f"{verb} is not allowed inside a SELECT", hint=_HINT)
        if key == "function_name" and name.lower() not in _TABLE_FUNCTIONS:
            raise LedgerError(f"the table function {name} is not allowed", hint=_HINT)
