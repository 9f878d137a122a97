"""Every figure of every arm with its 95 % interval, and who dominates whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args
from xml.etree import ElementTree as ET

from lean_agent_evals.bootstrap import Estimate
from lean_agent_evals.outcome import Ending
from lean_agent_evals.report.arms import arm_label, standing
from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import Measures
from lean_agent_evals.report.numbers import UNKNOWN, Kind, show
from lean_agent_evals.report.text import fit

__all__ = ["ROWS", "dominance_table", "figures_table", "interval", "shown_rows"]

ROWS: Final[Sequence[tuple[str, str, Kind, str]]] = (
    ("pass_rate", "Pass rate", "share", "attempts that reached the suite's bar"),
    ("score", "Score", "amount", "mean score, 0 to 1"),
    ("cost", "Cost", "cost", "of an attempt"),
    ("cost_of_pass", "Cost of a pass", "cost", "mean cost over pass rate"),
    (
        "frontier_cost_of_pass",
        "Cost of a pass by task",
        "cost",
        "mean over tasks, each at most the price of an unsolved task",
    ),
    (
        "failure_priced_cost",
        "Failure-priced cost",
        "cost",
        "cost, and the price of an unsolved task for each failure",
    ),
    ("T@All", "T@All", "amount", "tokens written in an attempt"),
    ("T@Succ", "T@Succ", "amount", "tokens written in a passed attempt"),
    ("uncached@All", "Uncached", "amount", "tokens read in an attempt, not from a cache"),
    ("cached@All", "Cached", "amount", "tokens read in an attempt from a cache"),
    ("reasoning@All", "Reasoning", "amount", "tokens written to reason, within T@All"),
    ("S@All", "S@All", "amount", "steps of an attempt"),
    ("S@Succ", "S@Succ", "amount", "steps of a passed attempt"),
    ("S_p95", "Steps, 95th percentile", "amount", "over attempts"),
    ("tool_calls@All", "Tool calls", "amount", "of an attempt"),
    ("tool_calls@Succ", "Tool calls, passed", "amount", "of a passed attempt"),
    ("needless_tool_rate", "Needless tools", "share", "called one where none was needed"),
    ("E3", "E3", "amount", "accuracy squared over tokens written"),
    ("ISR", "ISR", "share", "required entities that were obtained"),
    ("ISE", "ISE", "amount", "required entities obtained a tool call"),
    ("seconds", "Seconds", "seconds", "of an attempt"),
    ("seconds_p50", "Seconds, median", "seconds", "over attempts"),
    ("seconds_p95", "Seconds, 95th percentile", "seconds", "over attempts"),
    ("flops", "FLOPs", "amount", "of an attempt"),
    ("judge_cost", "Judge's cost", "cost", "of an attempt, in no other figure"),
)
"""A figure's name, its heading, what it is counted in, and what it means."""


def shown_rows(measures: Measures) -> list[tuple[str, str, Kind, str]]:
    """The rows that some arm has a number in."""
    return [row for row in ROWS if any(arm.value(row[0]) is not None for arm in measures.arms)]


def interval(estimate: Estimate, kind: Kind, measures: Measures) -> str:
    """The interval as text; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return " to ".join(show(end, kind, measures.unit) for end in (estimate.low, estimate.high))


def figures_table(measures: Measures) -> ET.Element:
    """A row a figure, a column an arm."""
    heads = [
        element("th", arm_label(number, arm), scope="col", class_=_out(arm.above_floor))
        for number, arm in enumerate(measures.arms)
    ]
    rows: list[ET.Element] = [
        _row("Standing", "", [element("td", standing(arm)) for arm in measures.arms])
    ]
    for name, heading, kind, meaning in shown_rows(measures):
        cells: list[ET.Element] = []
        for arm in measures.arms:
            estimate = arm.figures.get(name, Estimate(None, None, None))
            cells.append(
                element(
                    "td",
                    show(estimate.value, kind, measures.unit),
                    element("span", interval(estimate, kind, measures), class_="interval"),
                    class_=_out(arm.above_floor),
                )
            )
        rows.append(_row(heading, meaning, cells))
    for ending in get_args(Ending):
        counts = [element("td", f"{arm.endings.get(ending, 0):,}") for arm in measures.arms]
        rows.append(_row(f"Ended: {ending}", "attempts, of all", counts))
    return element(
        "table",
        element("caption", "With 95% intervals"),
        element("thead", element("tr", element("th", "Figure", scope="col"), *heads)),
        element("tbody", *rows),
        class_="figures",
    )


def dominance_table(measures: Measures) -> ET.Element:
    """How probable it is that the arm of a row dominates that of a column."""
    arms = list(enumerate(measures.arms))
    heads = [element("th", arm_label(number, arm), scope="col") for number, arm in arms]
    rows: list[ET.Element] = []
    for number, arm in arms:
        cells = [element("td", _probability(measures, arm.name, other.name)) for _, other in arms]
        rows.append(element("tr", element("th", arm_label(number, arm), scope="row"), *cells))
    return element(
        "table",
        element("caption", "Probability that the arm on the left dominates the one above"),
        element("thead", element("tr", element("td"), *heads)),
        element("tbody", *rows),
        class_="figures",
    )


def _row(heading: str, meaning: str, cells: Sequence[ET.Element]) -> ET.Element:
    head = element("th", fit(heading), element("span", meaning, class_="meaning"), scope="row")
    return element("tr", head, *cells)


def _out(above_floor: bool) -> str | None:
    return None if above_floor else "out"


def _probability(measures: Measures, first: str, second: str) -> str:
    if first == second:
        return ""
    found = measures.dominance.get((first, second))
    return UNKNOWN if found is None else show(found, "share", measures.unit)
