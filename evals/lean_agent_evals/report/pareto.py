"""The plot of cost against pass rate: each arm with its intervals, and the frontier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lean_agent_evals.report.arms import drawn_class, marker
from lean_agent_evals.report.axis import Axis, axis_over
from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import ArmFigures, Measures
from lean_agent_evals.report.numbers import in_unit, show
from lean_agent_evals.report.text import fit, shortened

__all__ = ["pareto_plot"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 28, 14, 46
_CHARACTER, _LINE = 7.4, 15  # of the labels, in pixels
_LABEL = 22
_FLOOR = "quality floor"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Point:
    number: int
    arm: ArmFigures
    x: float
    y: float


def pareto_plot(measures: Measures, *, width: int, height: int) -> ET.Element:
    """An SVG of that size in pixels. Arms of unknown cost are left out."""
    shown = [
        (number, arm) for number, arm in enumerate(measures.arms) if arm.value("cost") is not None
    ]
    axis = axis_over([end for _, arm in shown for end in _ends(arm)], most_ticks=width // 90)
    place = _Place(axis, width, height)
    points = [
        _Point(n, arm, place.x(arm.value("cost") or 0.0), place.y(arm.value("pass_rate") or 0.0))
        for n, arm in shown
    ]
    return element(
        "svg",
        *_grid(measures, axis, place),
        _frontier(points, place),
        *(_cross(point, place) for point in points),
        *(_point(point, measures) for point in points),
        *_labels(points, place, measures.quality_floor),
        class_="plot",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label="Cost of an attempt against pass rate; the table of figures has the numbers",
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where amounts lie, in pixels."""

    axis: Axis
    width: int
    height: int

    def x(self, cost: float) -> float:
        return _LEFT + self.axis.place(cost) * (self.width - _LEFT - _RIGHT)

    def y(self, pass_rate: float) -> float:
        return self.height - _BOTTOM - pass_rate * (self.height - _TOP - _BOTTOM)


def _ends(arm: ArmFigures) -> list[float]:
    cost = arm.figures["cost"]
    ends = (cost.value, cost.low, cost.high)
    return [end for end in ends if end is not None and math.isfinite(end)]


def _grid(measures: Measures, axis: Axis, place: _Place) -> list[ET.Element]:
    left, right = place.x(axis.low), place.x(axis.high)
    bottom, top = place.y(0), place.y(1)
    drawn: list[ET.Element] = []
    for rate in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = place.y(rate)
        drawn.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        drawn.append(_text(show(rate, "share", measures.unit), left - 7, y + 4, "end", "tick"))
    for cost in axis.ticks:
        x = place.x(cost)
        drawn.append(element("line", x1=x, x2=x, y1=bottom, y2=top, class_="grid"))
        drawn.append(_text(show(cost, "cost", measures.unit), x, bottom + 18, "middle", "tick"))
    scale = ", logarithmic" if axis.logarithmic else ""
    title = f"Cost of an attempt ({in_unit(measures.unit)}{scale})"
    drawn.append(_text(title, (left + right) / 2, place.height - 8, "middle", "title"))
    if measures.quality_floor > 0:
        y = place.y(measures.quality_floor)
        drawn.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="floor"))
        drawn.append(_text(_FLOOR, *_floor_label(place, measures.quality_floor), "start", "tick"))
    return drawn


def _frontier(points: Sequence[_Point], place: _Place) -> ET.Element:
    """The steps: for less than the next arm costs, no more than this one's pass rate is had."""
    best = sorted((p for p in points if p.arm.on_frontier), key=lambda p: p.x)
    path = "".join(
        f"M{p.x:.1f},{p.y:.1f}" if first else f"H{p.x:.1f}V{p.y:.1f}"
        for p, first in zip(best, [True] + [False] * len(best), strict=False)
    )
    if best:
        path += f"H{place.x(place.axis.high):.1f}"
    return element("path", d=path, class_="frontier")


def _cross(point: _Point, place: _Place) -> ET.Element:
    cost, rate = point.arm.figures["cost"], point.arm.figures["pass_rate"]
    lines: list[ET.Element] = []
    if cost.low is not None and cost.high is not None:
        low, high = place.x(cost.low), place.x(cost.high)
        lines.append(element("line", x1=low, x2=high, y1=point.y, y2=point.y))
    if rate.low is not None and rate.high is not None:
        low, high = place.y(rate.low), place.y(rate.high)
        lines.append(element("line", x1=point.x, x2=point.x, y1=low, y2=high))
    return element("g", *lines, class_=f"cross {_class(point)}")


def _point(point: _Point, measures: Measures) -> ET.Element:
    rate = show(point.arm.value("pass_rate"), "share", measures.unit)
    cost = show(point.arm.value("cost"), "cost", measures.unit)
    title = f"{fit(point.arm.name)}: {rate} passed at {cost} an attempt"
    drawn = marker(point.number, point.x, point.y)
    return element("g", element("title", title), drawn, class_=_class(point))


def _class(point: _Point) -> str:
    return drawn_class(point.number, point.arm)


def _labels(points: Sequence[_Point], place: _Place, floor: float) -> list[ET.Element]:
    """A name beside each point, where no other name and no other point is, if there is room."""
    taken: list[Box] = [(p.x - 9, p.y - 9, p.x + 9, p.y + 9) for p in points]
    if floor > 0:
        taken.append(_box(*_floor_label(place, floor), len(_FLOOR) * _CHARACTER))
    drawn: list[ET.Element] = []
    for point in points:
        name = shortened(fit(point.arm.name), _LABEL).split("\n")[0]
        long = len(name) * _CHARACTER
        places = [
            (point.x + dx if dx > 0 else point.x + dx - long, point.y + dy)
            for dx, dy in ((11, -8), (11, 18), (-11, -8), (-11, 18), (11, -24), (-11, -24))
        ]
        x, y = next((at for at in places if _free(_box(*at, long), taken, place)), places[0])
        taken.append(_box(x, y, long))
        drawn.append(_text(name, x, y, "start", f"label {_class(point)}"))
    return drawn


def _floor_label(place: _Place, floor: float) -> tuple[float, float]:
    return place.width - _RIGHT - len(_FLOOR) * _CHARACTER, place.y(floor) - 5


def _box(x: float, y: float, long: float) -> Box:
    return x, y - _LINE + 3, x + long, y + 3


def _free(box: Box, taken: Sequence[Box], place: _Place) -> bool:
    left, top, right, bottom = box
    if left < _LEFT or right > place.width or top < 0 or bottom > place.height - _BOTTOM:
        return False
    return not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
        for other in taken
    )


def _text(text: str, x: float, y: float, anchor: str, kind: str) -> ET.Element:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind)
