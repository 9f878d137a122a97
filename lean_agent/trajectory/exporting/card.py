"""The data card: what the examples are, where they are from, and what is not known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lean_agent.trajectory.exporting.examples import Exported, ExportFormat
from lean_agent.trajectory.sums import cost_told

__all__ = ["card"]

_FORMS: Final[dict[ExportFormat, str]] = {
    "chat": "OpenAI's chat format for supervised fine-tuning: `messages` and `tools`",
    "dpo": "preference pairs: `prompt`, `chosen`, `rejected` and `tools`, as TRL reads them",
    "kto": "labelled completions: `prompt`, `completion`, `label` and `tools`, as TRL reads them",
}


def card(told: Exported, name: Path) -> str:
    """The card as Markdown."""
    used = told.used
    left_out = [f"| {why} | {count:,} |" for why, count in sorted(told.left_out.items()) if count]
    lines = [
        f"# {name.name}",
        "",
        f"{told.examples:,} examples from {told.trajectories:,} trajectories of agents, in",
        f"{_FORMS[told.format]}.",
        "",
        "## Where they are from",
        "",
        "| recorded as | trajectories used |",
        "|---|---|",
        *(f"| {source} | {count:,} |" for source, count in sorted(used.sources.items())),
        "",
        "The licence of the data is that of its sources; this program does not know it.",
        "",
        "## What they are like",
        "",
        "| | |",
        "|---|---|",
        f"| passed | {used.passed:,} of {used.trajectories:,} |",
        *(f"| {group} (DEPO) | {count:,} |" for group, count in sorted(used.groups.items())),
        f"| mean reward | {_number(used.rewards.mean)} |",
        f"| turns a task | {_number(used.all_runs.steps.mean)} |",
        f"| tokens written a task | {_number(used.all_runs.tokens.mean)}"
        f"{_unknown(used.all_runs.tokens.unknown)} |",
        f"| cost, USD | {cost_told(used.cost, used.cost_unknown, used.trajectories)} |",
        "",
        "## What was left out",
        "",
        *(["| why | how many |", "|---|---|", *left_out] if left_out else ["Nothing."]),
        "",
        "## What was changed",
        "",
        f"In {told.scrubbed:,} texts secrets, home folders or users' names in paths were replaced.",
        "Other personal data, such as names and addresses in what was read, was not looked for.",
        "Of the tools only the names and those of their arguments are told: the recordings say no",
        "more. What came of a last action is left out, since nothing was said to it.",
    ]
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _unknown(count: int) -> str:
    return f", of {count:,} unknown" if count else ""
