"""How an arm is told from the others: a colour and a shape, so that neither alone must do."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import ArmFigures
from lean_agent_evals.report.text import fit

__all__ = ["arm_label", "drawn_class", "marker", "standing"]

_COLOURS: Final = 6  # in page.css; no divisor in common with the number of shapes

_SHAPES: Final = (
    "M-6,0A6,6 0 1,0 6,0A6,6 0 1,0 -6,0Z",
    "M-5.5,-5.5H5.5V5.5H-5.5Z",
    "M0,-7L7,5.5H-7Z",
    "M0,-7.5L7.5,0L0,7.5L-7.5,0Z",
    "M0,7L7,-5.5H-7Z",
)


def drawn_class(number: int, arm: ArmFigures) -> str:
    """The class of everything that is drawn in an arm's colour; grey below the quality floor."""
    return f"arm-{number % _COLOURS}" + ("" if arm.above_floor else " out")


def marker(number: int, x: float, y: float) -> ET.Element:
    """An arm's shape around a point."""
    path = _SHAPES[number % len(_SHAPES)]
    return element("path", d=path, transform=f"translate({x:.1f},{y:.1f})", class_="marker")


def arm_label(number: int, arm: ArmFigures) -> ET.Element:
    """An arm's shape and name."""
    key = element(
        "svg", marker(number, 8, 8), class_="key", width=16, height=16, aria_hidden="true"
    )
    return element("span", key, fit(arm.name), class_=f"arm {drawn_class(number, arm)}")


def standing(arm: ArmFigures) -> str:
    """What an arm is worth in a comparison, in a word or two."""
    if not arm.above_floor:
        return "below the quality floor" if arm.figures else "no figures"
    if arm.value("cost") is None:
        return "of unknown cost"
    return "on the frontier" if arm.on_frontier else "dominated"
