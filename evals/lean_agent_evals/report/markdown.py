"""The report in short, for a pull request or a log."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from lean_agent_evals.bootstrap import Estimate
from lean_agent_evals.report.arms import standing
from lean_agent_evals.report.figures_table import interval, shown_rows
from lean_agent_evals.report.measured_how import HOW, settings
from lean_agent_evals.report.measures import Measures
from lean_agent_evals.report.numbers import in_unit, show
from lean_agent_evals.report.text import as_json, fit

__all__ = ["to_markdown"]


def to_markdown(config: Mapping[str, Any], measures: Measures) -> str:
    """The figures of each arm, what to know of them, and the configuration."""
    arms = measures.arms
    table = [
        ["", *(arm.name for arm in arms)],
        ["---", *("---:" for _ in arms)],
        ["Standing", *(standing(arm) for arm in arms)],
    ]
    for name, heading, kind, _ in shown_rows(measures):
        cells = [heading]
        for arm in arms:
            estimate = arm.figures.get(name, Estimate(None, None, None))
            between = interval(estimate, kind, measures)
            cells.append(
                show(estimate.value, kind, measures.unit) + (f" ({between})" if between else "")
            )
        table.append(cells)
    lines = [
        f"# Evaluation of {_escaped(settings(config)[0])}",
        "",
        f"{measures.tasks} tasks compared; costs in {in_unit(measures.unit)}; 95% intervals.",
        "",
        *(f"- {notice}" for notice in measures.notices),
        "",
        *(_line(cells) for cells in table),
        "",
        "## How it was measured",
        "",
        *(f"- {line}" for line in HOW),
        "",
        "## Configuration",
        "",
        *(f"    {line}" for line in fit(as_json(config, indent=2)).splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Text that stays text in Markdown and in the HTML that Markdown may hold."""
    one_line = " ".join(html.escape(fit(text), quote=False).split())
    return "".join(f"\\{char}" if char in "\\`*_[]|~" else char for char in one_line)
