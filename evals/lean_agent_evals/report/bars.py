"""Bars of cost and of tokens, a row an arm.

A bar's width is a share of its picture's, so that it fits any screen while text keeps its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from lean_agent_evals.report.arms import arm_label, drawn_class
from lean_agent_evals.report.axis import Axis, axis_over
from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import ArmFigures, Measures
from lean_agent_evals.report.numbers import number, show

__all__ = ["cost_bars", "token_bars"]

_TOKENS: Final = (
    ("uncached@All", "uncached"),
    ("cached@All", "cached"),
    ("T@All", "written"),
)
_HEIGHT = 18


def cost_bars(measures: Measures) -> ET.Element:
    """What an attempt costs in each arm, with its interval."""
    found = [arm.figures["cost"] for arm in measures.arms if arm.figures]
    axis = axis_over([0.0, *(end for c in found for end in (c.value, c.high) if end is not None)])
    rows: list[ET.Element] = []
    for index, arm in enumerate(measures.arms):
        cost = arm.figures.get("cost")
        bar: list[ET.Element] = []
        text = show(cost and cost.value, "cost", measures.unit)
        if cost is not None and cost.value is not None:
            bar.append(_bar(0, axis.place(cost.value), "arm-bar"))
        if cost is not None and cost.low is not None and cost.high is not None:
            bar += _whisker(axis, cost.low, cost.high)
            low, high = (show(end, "cost", measures.unit) for end in (cost.low, cost.high))
            text += f" ({low} to {high})"
        rows.append(_row(index, arm, bar, text))
    return element("div", *rows, class_="bars")


def token_bars(measures: Measures) -> ET.Element:
    """The tokens of an attempt in each arm: read uncached, read from a cache, and written."""
    totals = [sum(_tokens(arm)) for arm in measures.arms]
    axis = axis_over([0.0, *totals])
    rows: list[ET.Element] = []
    for index, arm in enumerate(measures.arms):
        start = 0.0
        bar: list[ET.Element] = []
        for part, amount in enumerate(_tokens(arm)):
            bar.append(_bar(start, axis.place(amount), f"tokens-{part}"))
            start += axis.place(amount)
        amounts = zip(_tokens(arm), _TOKENS, strict=True)
        text = ", ".join(f"{number(amount)} {name}" for amount, (_, name) in amounts)
        rows.append(_row(index, arm, bar, text if arm.figures else show(None, "amount", "usd")))
    legend = [
        element("span", element("span", class_=f"swatch tokens-{part}"), name)
        for part, (_, name) in enumerate(_TOKENS)
    ]
    return element("div", element("p", *legend, class_="legend"), *rows, class_="bars")


def _tokens(arm: ArmFigures) -> list[float]:
    return [arm.value(name) or 0.0 for name, _ in _TOKENS]


def _row(index: int, arm: ArmFigures, bar: Sequence[ET.Element], text: str) -> ET.Element:
    picture = element("svg", *bar, width="100%", height=_HEIGHT, aria_hidden="true")
    return element(
        "div",
        arm_label(index, arm),
        picture,
        element("span", text, class_="amount"),
        class_=f"bar-row {drawn_class(index, arm)}",
    )


def _bar(start: float, share: float, kind: str) -> ET.Element:
    return element("rect", x=_percent(start), width=_percent(share), height=_HEIGHT, class_=kind)


def _whisker(axis: Axis, low: float, high: float) -> list[ET.Element]:
    left, right = _percent(axis.place(low)), _percent(axis.place(high))
    middle = _HEIGHT / 2
    ends = ((left, right, middle, middle), (left, left, 4, 14), (right, right, 4, 14))
    return [
        element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_="whisker") for x1, x2, y1, y2 in ends
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
