"""The reliability plot: foretold against actual pass rates, as an SVG file of its own.

A bin is a point with the 95 % interval of its actual rate and the number of its tasks; below it
stand its tasks as a bar. On the dashed line as many passed as were foretold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from lean_agent_evals.gate_calibration import Bin
from lean_agent_evals.report.axis import Axis
from lean_agent_evals.report.markup import element

__all__ = ["reliability_svg"]

_RATES: Final = Axis(0.0, 1.0, False, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
_WIDTH: Final = 520
_LEFT, _RIGHT, _TOP = 62, 24, 48
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_BARS_TOP: Final = _TOP + _PLOT + 18
_BARS: Final = 60
_HEIGHT: Final = _BARS_TOP + _BARS + 56
_BAR_WIDTH: Final = 26
_CAP: Final = 5

# A file of its own has no page to take colours from, and image viewers know no light-dark().
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}"
    ".tick{font-size:12px;fill:#59636e}"
    ".grid{stroke:#d0d7de}"
    ".even{stroke:#59636e;stroke-dasharray:7 4}"
    ".interval{stroke:#0060a8;stroke-width:2}"
    ".point{fill:#0060a8}"
    ".bar{fill:#9ccbe8}"
)


def reliability_svg(bins: Sequence[Bin], error: float) -> str:
    """The file's text; ``error`` is the expected calibration error."""
    tasks = sum(one.tasks for one in bins)
    heading = f"Expected calibration error {error:.3f}, {tasks:,} tasks"
    most = max((one.tasks for one in bins), default=1)
    drawn = element(
        "svg",
        element("title", f"Foretold against actual pass rates. {heading}"),
        element("style", _STYLE),
        element("rect", width=_WIDTH, height=_HEIGHT, fill="#ffffff"),
        _text(heading, _LEFT, 26, "start"),
        *_grid(),
        *(part for one in bins for part in (*_point(one), *_bar(one, most))),
        xmlns="http://www.w3.org/2000/svg",
        width=_WIDTH,
        height=_HEIGHT,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
    )
    return ET.tostring(drawn, encoding="unicode") + "\n"


def _x(rate: float) -> float:
    return _LEFT + _RATES.place(rate) * _PLOT


def _y(rate: float) -> float:
    return _TOP + (1 - _RATES.place(rate)) * _PLOT


def _grid() -> list[ET.Element]:
    drawn: list[ET.Element] = []
    for rate in _RATES.ticks:
        x, y, told = _x(rate), _y(rate), f"{rate:.0%}"
        drawn += [
            element("line", x1=_x(0), x2=_x(1), y1=y, y2=y, class_="grid"),
            element("line", x1=x, x2=x, y1=_y(0), y2=_y(1), class_="grid"),
            _text(told, _LEFT - 8, y + 4, "end", "tick"),
            _text(told, x, _BARS_TOP + _BARS + 18, "middle", "tick"),
        ]
    turned = f"rotate(-90 16 {_TOP + _PLOT // 2})"
    return [
        *drawn,
        element("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="even"),
        _text("Foretold pass rate", _LEFT + _PLOT / 2, _HEIGHT - 12, "middle"),
        _text("Actual pass rate", 16, _TOP + _PLOT / 2, "middle", transform=turned),
        _text("Tasks", _LEFT - 8, _BARS_TOP + _BARS / 2 + 4, "end", "tick"),
    ]


def _point(one: Bin) -> list[ET.Element]:
    x, low, high = _x(one.foretold), _y(one.low), _y(one.high)
    told = (
        f"foretold {one.foretold:.0%}, actual {one.actual:.0%} "
        f"({one.low:.0%} to {one.high:.0%}), {one.tasks:,} tasks"
    )
    ends = ((x, x, low, high), (x - _CAP, x + _CAP, low, low), (x - _CAP, x + _CAP, high, high))
    lines = [element("line", x1=a, x2=b, y1=c, y2=d, class_="interval") for a, b, c, d in ends]
    dot = element("circle", element("title", told), cx=x, cy=_y(one.actual), r=6, class_="point")
    return [*lines, dot]


def _bar(one: Bin, most: int) -> list[ET.Element]:
    x, height = _x(one.foretold), one.tasks / most * (_BARS - 16)
    top = _BARS_TOP + _BARS - height
    return [
        element("rect", x=x - _BAR_WIDTH / 2, y=top, width=_BAR_WIDTH, height=height, class_="bar"),
        _text(f"{one.tasks:,}", x, top - 4, "middle", "tick"),
    ]


def _text(
    text: str, x: float, y: float, anchor: str, kind: str | None = None, **more: str
) -> ET.Element:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind, **more)
