"""``sql``: a question to data files, in SQL that can only read them."""

from __future__ import annotations

import re

from lean_agent import RunContext, ToolError, tool
from lean_agent_tools._child import in_child
from lean_agent_tools._roots import open_file, opened

__all__ = ["sql"]

_SECONDS = 30.0
_KINDS = frozenset({".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".duckdb", ".db"})
_MAX_FILES = 20
_MAX_QUERY_CHARS = 20_000


@tool(timeout=_SECONDS + 5)
async def sql(files: list[str], ctx: RunContext, query: str = "") -> str:
    """Query CSV, Parquet, JSON or DuckDB files with one SELECT (DuckDB's SQL).

    Args:
        files: The files. Each is a table of its name: sales.csv is sales.
        ctx: The run, which says what is open.
        query: The SELECT; left out, tables and columns are listed.
    """
    if len(files) > _MAX_FILES or len(query) > _MAX_QUERY_CHARS:
        raise ToolError(f"at most {_MAX_FILES} files and {_MAX_QUERY_CHARS:,} characters of SQL")
    tables: dict[str, dict[str, str]] = {}
    for path in files:
        place = open_file(path, ctx)
        kind = place.path.suffix.lower()
        if kind not in _KINDS:
            raise ToolError(f"{place.name} is none of {', '.join(sorted(_KINDS))}")
        opened(place).close()  # or an error: no device, nothing that cannot be read
        table = re.sub(r"\W", "_", place.path.stem).lower()
        if table in tables:
            raise ToolError(f"two files are called {table}: ask about one at a time")
        tables[table] = {"path": str(place.path), "name": place.name, "kind": kind}
    request = {"tables": tables, "query": query}
    return await in_child("lean_agent_tools._sql_reader", request, seconds=_SECONDS)
