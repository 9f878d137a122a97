"""The outcomes and the figures as CSV, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lean_agent_evals.figures import FIGURES
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.report.measures import Measures
from lean_agent_evals.report.text import fit

__all__ = ["figures_csv", "outcomes_csv"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def outcomes_csv(outcomes: Sequence[Outcome]) -> str:
    """A row an attempt; the usage's and the judge's names have a dot in them."""
    rows = [_flat(outcome.to_dict()) for outcome in outcomes]
    return _csv(list(rows[0]) if rows else [], (row.values() for row in rows))


def figures_csv(measures: Measures) -> str:
    """A row a figure of an arm, with its 95 % interval; costs in the unit, shares of 1."""
    names = ("arm", "figure", "value", "low", "high", "unit")
    rows = [
        (arm.name, name, found.value, found.low, found.high, measures.unit)
        for arm in measures.arms
        for name in FIGURES
        if (found := arm.figures.get(name))
    ]
    return _csv(names, rows)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": found for inner, found in value.items()}  # pyright: ignore
        else:
            flat[name] = value
    return flat


def _csv(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, list):
        value = " ".join(str(item) for item in value)  # pyright: ignore
    if not isinstance(value, str):
        return value
    return "'" + fit(value) if value.startswith(_FORMULA) else fit(value)
