"""Questions to the ledger, answered by DuckDB over all segments and compacted files.

A segment, a line or a compacted file that cannot be read is left out of every answer and named by
``problems``, or in the list ``left_out`` of a question, which spares reading all of it once more.
Periods are half open: from ``since`` to before ``until``, Unix time in seconds.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lean_agent.errors import LedgerError
from lean_agent.ledger.exporting import export
from lean_agent.ledger.reading import Opened, ask, money_text
from lean_agent.ledger.statements import lock, refuse_all_but_reading

if TYPE_CHECKING:
    import duckdb

__all__ = ["By", "export", "problems", "runs", "show", "spent", "sql", "summary"]

By = Literal["model", "day", "purpose", "run", "mode"]

# A run's own row says how the run went and is no call. Where no model took part there is no list
# price that could be unknown.
_ENTRIES = """(
    SELECT *, purpose IS DISTINCT FROM 'run' AS call,
           CASE WHEN model = '' THEN coalesce(list_cost, cost) ELSE list_cost END AS listed,
           CASE WHEN provenance LIKE '%self_hosted%' THEN input_tokens + output_tokens END
               AS self_hosted_tokens
    FROM entries WHERE {period})
"""

# A sum is a HUGEINT, which costs Python six times what a BIGINT does.
_TOKENS = ",\n".join(
    f"CAST(least(coalesce(sum({name}), 0), {2**63 - 1}) AS BIGINT) AS {name}"
    for name in (
        "input_tokens",
        "uncached_input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens",
        "reasoning_output_tokens",
        "saved_tokens",
        "self_hosted_tokens",
    )
)

_TOTALS = f"""
    count(*) FILTER (call) AS calls,
    count(*) FILTER (call AND attempt > 1) AS retries,
    count(*) FILTER (call AND error_type IS NOT NULL AND state IS DISTINCT FROM 'open')
        AS failed_calls,
    count(*) FILTER (call AND state = 'open') AS unfinished_calls,
    {_TOKENS},
    {money_text("coalesce(sum(cost), 0)")} AS known_cost,
    count(*) FILTER (call AND cost IS NULL) AS unpriced_calls,
    CASE WHEN unpriced_calls = 0 THEN known_cost END AS cost,
    CASE WHEN count(*) FILTER (call AND listed IS NULL) = 0
         THEN {money_text("coalesce(sum(listed), 0)")} END AS list_cost,
    count(*) FILTER (provenance LIKE '%estimated%') AS estimated_calls,
    count(*) FILTER (self_hosted_tokens IS NOT NULL) AS self_hosted_calls,
    coalesce(sum(seconds) FILTER (call), 0.0) AS seconds
"""

_KEYS: dict[By, str] = {
    "model": "CASE WHEN model <> '' THEN provider || ':' || model END",
    "day": "day",
    "purpose": "purpose",
    "run": "run_id",
    "mode": "mode",
}

_ISO = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')"

_MONEY = {"cost", "known_cost", "list_cost"}


def summary(
    folder: Path,
    *,
    by: By = "model",
    limit: int | None = None,
    since: float | None = None,
    until: float | None = None,
    left_out: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Totals of each model, UTC day, purpose, run or mode, the dearest first (days in order).

    ``limit`` keeps the first of them, of days the last.

    The group's key is under the name ``by``; it is None for rows that have none (a tool's call
    has no model). ``cost`` is the exact sum in US dollars, or None where a call of the group is
    unpriced; then ``known_cost`` sums the rest and ``unpriced_calls`` counts what is missing.
    ``list_cost`` is what the price tables say instead of the bills, or None where that is unknown.
    Calls of models on the user's own machine without a rate add 0 to the cost; they are counted
    apart in ``self_hosted_calls`` and ``self_hosted_tokens``. Calls in flight, or cut off with
    their process, are ``unfinished_calls`` and have in the sums the least that they cost;
    ``saved_tokens`` were served by the response cache. ``seconds`` is the time of all calls.

    Raises:
        LedgerError: ``by`` is none of these.
    """
    key = _KEYS.get(by)
    if key is None:
        raise LedgerError(f"cannot sum by {by!r}", hint=f"one of: {', '.join(_KEYS)}")
    shown = f"strftime({key}, '%Y-%m-%d')" if by == "day" else key
    order = "1 DESC NULLS FIRST" if by == "day" else "coalesce(sum(cost), 0) DESC, calls DESC, 1"
    period, values = _period(since, until)
    query = f"""
        SELECT {shown} AS "{by}", {_TOTALS}
        FROM {_ENTRIES.format(period=period)} WHERE call GROUP BY {key} ORDER BY {order}
        {"" if limit is None else "LIMIT $limit"}
    """  # noqa: S608
    if limit is not None:
        values["limit"] = max(0, limit)
    rows = ask(folder, lambda ledger: _rows(ledger.connection, query, values), left_out=left_out)
    return rows[::-1] if by == "day" else rows


def runs(
    folder: Path,
    *,
    limit: int = 20,
    since: float | None = None,
    until: float | None = None,
    left_out: list[str] | None = None,
) -> list[dict[str, Any]]:
    """The newest runs that began in the period: id, start (ISO 8601, UTC), how they went, totals.

    ``status`` is how the run ended, "unfinished" where it has not, or None where no run's row tells
    (runs of older versions have none); ``wall_seconds`` is how long it took, waiting included, over
    all its parts if it was resumed. ``mode`` is the last one, ``models`` and ``steps`` what it
    used. The totals are those of ``summary``.
    """
    period, values = _period(since, until, of="min(ts)")
    query = f"""
        WITH newest AS (
            SELECT run_id, min(ts) AS start FROM entries GROUP BY run_id
            HAVING {period} ORDER BY start DESC, run_id LIMIT $limit)
        SELECT run_id, {_ISO.format("min(time)")} AS started_at,
               arg_max(CASE WHEN state = 'open' THEN 'unfinished' ELSE finish_reason END, ts)
                   FILTER (NOT call) AS status,
               sum(seconds) FILTER (NOT call) AS wall_seconds,
               arg_max(mode, ts) AS mode,
               list_sort(list_distinct(list({_KEYS["model"]}))) AS models,
               count(DISTINCT step) FILTER (step > 0) AS steps,
               {_TOTALS}
        FROM {_ENTRIES.format(period="true")} SEMI JOIN newest USING (run_id)
        GROUP BY run_id ORDER BY min(ts) DESC, run_id
    """  # noqa: S608
    values["limit"] = max(0, limit)
    return ask(folder, lambda ledger: _rows(ledger.connection, query, values), left_out=left_out)


# A sub-agent's run stands below the model call, or the run, that asked for it.
_BELOW = """WITH RECURSIVE tree(run_id) AS (
    SELECT $run
    UNION
    SELECT child.run_id FROM entries child
    JOIN entries above ON child.parent_id = above.id
    JOIN tree ON above.run_id = tree.run_id
    WHERE child.purpose = 'run')
"""


def show(
    folder: Path, run_id: str, *, below: bool = False, left_out: list[str] | None = None
) -> list[dict[str, Any]]:
    """The entries of one run in order, with ``time`` (ISO 8601, UTC); ``run_id`` may be a prefix.

    With those of the runs ``below`` it, if asked: of the sub-agents that it called.

    Raises:
        LedgerError: no run begins so, or several do.
    """

    def work(ledger: Opened) -> list[dict[str, Any]]:
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
        chosen = "IN (SELECT run_id FROM tree)" if below else "= $run"
        query = f"""
            {_BELOW if below else ""}
            SELECT * EXCLUDE (time, day)
                     REPLACE ({money_text("cost")} AS cost, {money_text("list_cost")} AS list_cost),
                   {_ISO.format("time")} AS time
            FROM entries WHERE run_id {chosen} ORDER BY ts, id
        """  # noqa: S608
        return _rows(ledger.connection, query, {"run": names[0]})

    return ask(folder, work, left_out=left_out)


def sql(
    folder: Path, query: str, *, left_out: list[str] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Any DuckDB query over the view ``entries``: the column names and the rows.

    Beside the columns of ``Entry.to_row`` the view has ``time`` (a timestamp, UTC) and ``day``;
    ``cost`` is a DECIMAL(38, 18). Nothing outside the ledger can be read and nothing written.
    Of several queries all run and the last one answers.

    Raises:
        LedgerError: the query is empty or wrong, or does more than read.
    """
    query = _utf8(query)

    def work(ledger: Opened) -> tuple[list[str], list[tuple[Any, ...]]]:
        lock(ledger.connection, (file.path for file in ledger.files.compacted))
        refuse_all_but_reading(ledger.connection, query)
        result = ledger.connection.execute(query)
        return [str(column[0]) for column in result.description], result.fetchall()

    return ask(folder, work, hint='"describe entries" lists the columns', left_out=left_out)


def spent(
    folder: Path, *, since: float, until: float | None = None, open_until: float | None = None
) -> tuple[Decimal, int]:
    """What was spent in a period: the known cost, US dollars, and input plus output tokens.

    A call that is still open counts by its estimate; from ``open_until`` on it does not.
    """
    period, values = _period(since, until)
    if open_until is not None:
        period += " AND (state IS DISTINCT FROM 'open' OR ts < $open_until)"
        values["open_until"] = open_until
    query = f"""
        SELECT {money_text("coalesce(sum(cost), 0)")} AS cost,
               coalesce(sum(input_tokens + output_tokens), 0) AS tokens
        FROM entries WHERE {period}
    """  # noqa: S608
    (row,) = ask(folder, lambda ledger: _rows(ledger.connection, query, values))
    return row["cost"], int(row["tokens"])


def problems(folder: Path) -> list[str]:
    """One line on each file that is left out or has unreadable lines; empty if all is well."""
    return ask(folder, lambda ledger: ledger.problems)


def _period(
    since: float | None, until: float | None, *, of: str = "ts"
) -> tuple[str, dict[str, Any]]:
    """The condition and its values; without a bound it holds for rows without a time too."""
    bounds = {"since": (">=", since), "until": ("<", until)}
    given = {name: value for name, (_, value) in bounds.items() if value is not None}
    return " AND ".join(["true", *(f"{of} {bounds[name][0]} ${name}" for name in given)]), given


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    result = connection.execute(query, values or {})
    names = [str(column[0]) for column in result.description]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for name in _MONEY.intersection(names):
        for row in rows:
            if row[name] is not None:
                row[name] = Decimal(row[name])
    return rows


def _utf8(text: str) -> str:
    # An argument of the command line that is not UTF-8 arrives with lone surrogates.
    return text.encode("utf-8", "replace").decode("utf-8")
