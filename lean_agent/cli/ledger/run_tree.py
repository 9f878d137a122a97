"""One run as a tree: its steps, in each the model calls, in each the tools that it called, and the
runs of the sub-agents among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any

from lean_agent.usage import EXACT

__all__ = ["nest"]

# None in a row that its writer left incomplete.
_COUNTS = (
    "step",
    "attempt",
    "input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "saved_tokens",
)


def nest(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rows of one run and of those below it, in order, as nested plain values.

    ``steps`` hold ``calls``, which hold ``tools`` and ``runs``, each nested in the same way; step 0
    is what came before the first step. A tool whose model call is not there stands in ``tools`` of
    its step, a run without one in ``runs`` of that above. ``cost`` is None where a call is
    unpriced, as in ``queries.summary``; ``total`` counts the runs below in.
    """
    rows = [row | {name: row[name] or 0 for name in _COUNTS} for row in rows]
    by_run: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(row)
    below: dict[str, list[str]] = {}
    for run_id, own in by_run.items():
        parent = next((row["parent_id"] for row in own if row["purpose"] == "run"), None)
        if parent is not None:
            below.setdefault(parent, []).append(run_id)
    return _nested(rows[0]["run_id"], by_run, below)[0]


def _nested(
    run_id: str, by_run: Mapping[str, Sequence[dict[str, Any]]], below: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run, and all rows that cost something: its own and those of the runs below it."""
    rows = by_run[run_id]
    roots = [row for row in rows if row["operation"] == "invoke_agent"]
    paid = [row for row in rows if row["operation"] != "invoke_agent"]
    last = roots[-1] if roots else None
    all_paid = list(paid)
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        for child in below.get(row["id"], ()):
            run, more = _nested(child, by_run, below)
            runs.setdefault(row["id"], []).append(run)
            all_paid += more
    tree = {
        "run_id": run_id,
        "session_id": rows[0]["session_id"],
        "task_id": rows[0]["task_id"],
        "started_at": rows[0]["time"],
        "parts": len(roots),
        "mode": last["mode"] if last else rows[-1]["mode"],
        "status": _status(last),
        "seconds": sum(root["seconds"] or 0.0 for root in roots) or None,
        **_totals(paid),
        "total": _totals(all_paid),
        "steps": _steps(paid, runs),
        "runs": [run for root in roots for run in runs.get(root["id"], ())],
    }
    return tree, all_paid


def _status(root: dict[str, Any] | None) -> str | None:
    """How the run ended; None where nobody wrote that down."""
    if root is None:
        return None
    return "unfinished" if root["state"] == "open" else root["finish_reason"]


def _steps(
    rows: Sequence[dict[str, Any]], runs: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    calls: dict[str, dict[str, Any]] = {
        row["id"]: {**row, "tools": [], "runs": runs.get(row["id"], [])}
        for row in rows
        if row["operation"] != "execute_tool"
    }
    steps: dict[int, dict[str, Any]] = {}
    for row in rows:
        step = steps.setdefault(row["step"], {"step": row["step"], "calls": [], "tools": []})
        if row["operation"] != "execute_tool":
            step["calls"].append(calls[row["id"]])
        elif caller := calls.get(row["parent_id"]):
            caller["tools"].append(row)
        else:
            step["tools"].append(row)
    return [steps[number] for number in sorted(steps)]


def _totals(calls: Sequence[dict[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in calls if row["cost"] is not None]
    known = reduce(EXACT.add, costs, Decimal(0))
    unpriced = len(calls) - len(costs)

    def marked(provenance: str) -> int:
        return sum(provenance in (row["provenance"] or "") for row in calls)

    return {
        "calls": len(calls),
        "input_tokens": sum(row["input_tokens"] for row in calls),
        "cache_read_input_tokens": sum(row["cache_read_input_tokens"] for row in calls),
        "output_tokens": sum(row["output_tokens"] for row in calls),
        "saved_tokens": sum(row["saved_tokens"] for row in calls),
        "known_cost": known,
        "cost": None if unpriced else known,
        "unpriced_calls": unpriced,
        "estimated_calls": marked("estimated"),
        "self_hosted_calls": marked("self_hosted"),
    }
