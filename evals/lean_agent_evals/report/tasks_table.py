"""The table of tasks: how each arm did on each. The page's script sorts and filters it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from lean_agent_evals.journal import SampleKey
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.report.arms import arm_label
from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import Measures, cost_of
from lean_agent_evals.report.numbers import UNKNOWN, number, show
from lean_agent_evals.report.text import fit, shortened
from lean_agent_evals.results import key_of

__all__ = ["CHOICES", "tasks_table"]

_MAX_QUESTION: Final = 160

CHOICES: Final = (
    ("all", "all tasks"),
    ("differ", "arms differ"),
    ("every", "every arm passed"),
    ("none", "no arm passed"),
    ("limit", "ended by a limit"),
    ("infrastructure", "infrastructure failed"),
)
"""Which tasks can be chosen."""

_SIGNS: Final = {"answered": "✓", "wrong": "✗", "limit": "◷", "refused": "⊘", "infrastructure": "⚠"}

_Attempts = Mapping[str, Sequence[Outcome]]


def tasks_table(
    measures: Measures,
    outcomes: Sequence[Outcome],
    samples: Mapping[SampleKey, Mapping[str, Any]],
) -> ET.Element:
    """A row a task, three columns an arm: how it ended, what it cost, how many steps it took."""
    tasks: dict[str, dict[str, list[Outcome]]] = {}
    for outcome in outcomes:
        tasks.setdefault(outcome.task_id, {}).setdefault(outcome.arm, []).append(outcome)
    numbers = {key: place for place, key in enumerate(samples)}
    arms = [arm.name for arm in measures.arms]
    groups = [
        element("th", arm_label(place, arm), colspan="3", scope="colgroup", class_="group")
        for place, arm in enumerate(measures.arms)
    ]
    heads = [
        _head(f"{name}, {fit(arm)}", name, 3 * place + offset)
        for place, arm in enumerate(arms)
        for offset, name in enumerate(("Result", "Cost", "Steps"), 1)
    ]
    rows = [
        _row(task, _question(samples, attempts), arms, attempts, numbers, measures)
        for task, attempts in tasks.items()
    ]
    return element(
        "table",
        element("caption", "A result opens its trajectory"),
        element(
            "thead",
            element("tr", element("td"), *groups),
            element("tr", _head("Task", "Task", 0), *heads),
        ),
        element("tbody", *rows),
        class_="tasks",
        id="task-table",
    )


def _head(label: str, text: str, column: int) -> ET.Element:
    button = element("button", text, type="button", aria_label=label, data_column=str(column))
    return element("th", button, scope="col", class_="start" if column % 3 == 1 else None)


def _question(samples: Mapping[SampleKey, Mapping[str, Any]], attempts: _Attempts) -> str:
    for found in attempts.values():
        for outcome in found:
            sample = samples.get(key_of(outcome))
            if sample and sample["question"]:
                return str(sample["question"])
    return ""


def _row(
    task: str,
    question: str,
    arms: Sequence[str],
    attempts: _Attempts,
    numbers: Mapping[SampleKey, int],
    measures: Measures,
) -> ET.Element:
    shown = shortened(question, _MAX_QUESTION).split("\n… ")[0]
    head = element(
        "th",
        element("span", fit(task), class_="task"),
        element("span", shown + ("…" if shown != question else ""), class_="meaning"),
        scope="row",
        data_value=fit(task),
    )
    cells = [cell for arm in arms for cell in _cells(attempts.get(arm, []), numbers, measures)]
    return element("tr", head, *cells, data_groups=" ".join(_groups(attempts)))


def _cells(
    found: Sequence[Outcome], numbers: Mapping[SampleKey, int], measures: Measures
) -> list[ET.Element]:
    if not found:
        return [element("td", UNKNOWN, class_="start"), element("td"), element("td")]
    results = element("td", class_="start", data_value=f"{_passed(found):.6f}")
    for outcome in found:
        name = f"{_SIGNS[outcome.ending]} {outcome.ending}"
        sample = numbers.get(key_of(outcome))
        kind = f"result {outcome.ending}"
        if sample is None:
            results.append(element("span", name, class_=kind))
            continue
        label = (
            f"{outcome.ending}: open the trajectory of {fit(outcome.arm)} on {fit(outcome.task_id)}"
        )
        results.append(
            element(
                "button",
                name,
                type="button",
                class_=kind,
                aria_label=label + (f", epoch {outcome.epoch + 1}" if outcome.epoch else ""),
                data_sample=str(sample),
            )
        )
    costs = [cost for o in found if (cost := cost_of(o, measures.unit)) is not None]
    cost = sum(costs) / len(costs) if len(costs) == len(found) else None
    steps = sum(o.steps for o in found) / len(found)
    return [
        results,
        element(
            "td",
            show(cost, "cost", measures.unit),
            data_value=None if cost is None else repr(cost),
            class_="number",
        ),
        element("td", number(steps), data_value=repr(steps), class_="number"),
    ]


def _passed(found: Sequence[Outcome]) -> float:
    return sum(o.passed for o in found) / len(found)


def _groups(attempts: _Attempts) -> list[str]:
    """The choices that a task belongs to."""
    shares = [
        _passed(counted) for o in attempts.values() if (counted := [a for a in o if a.counts])
    ]
    groups: list[str] = ["all"]
    if len(set(shares)) > 1:
        groups.append("differ")
    if shares and min(shares) == 1:
        groups.append("every")
    if shares and max(shares) == 0:
        groups.append("none")
    endings = {o.ending for found in attempts.values() for o in found}
    return groups + [name for name in ("limit", "infrastructure") if name in endings]
