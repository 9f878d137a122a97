"""The schema of a ledger's files and the numbered steps from one version to the next.

Every file says which version it was written in and is never rewritten in place: older rows are
brought up to date while they are read. A new version is one more step at the end of ``STEPS``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ALWAYS", "MONEY", "SCHEMA_VERSION", "STEPS", "Added", "columns", "upgraded"]

MONEY: Final = "DECIMAL(38, 18)"
"""Exact to 18 decimals of a dollar: the price of one cached token needs about 11."""

ALWAYS: Final = ("id", "run_id", "operation", "purpose")
"""The texts that an entry of any version has; a line without one of them is no entry."""

_FIRST: Final = {
    "id": "VARCHAR",
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
    "cost": MONEY,
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
"""The columns of version 1 with their types in DuckDB."""


class Added(NamedTuple):
    """A new column: its type, and its value in an older row as SQL over that row's columns."""

    type: str
    older: str


STEPS: Final[list[dict[str, Added]]] = [
    # 2: rows of calls in flight; the list price beside the bill; what the response cache saved.
    {
        "state": Added("VARCHAR", "'closed'"),
        "list_cost": Added(MONEY, "cost"),
        "saved_tokens": Added("BIGINT", "0"),
    },
]

SCHEMA_VERSION: Final = 1 + len(STEPS)


def columns(version: int = SCHEMA_VERSION) -> dict[str, str]:
    """The columns of a file of ``version``, with their types in DuckDB."""
    added = {name: new.type for step in STEPS[: version - 1] for name, new in step.items()}
    return _FIRST | added


def upgraded(relation: str, version: int) -> str:
    """A SELECT of the rows of ``relation``, of ``version``, as the newest version has them."""
    for step in STEPS[version - 1 :]:
        new = ", ".join(f"{added.older} AS {name}" for name, added in step.items())
        relation = f"(SELECT *, {new} FROM {relation})"  # noqa: S608
    return f"SELECT * FROM {relation}"  # noqa: S608
