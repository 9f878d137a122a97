"""Numbers as people read them. What is unknown is a dash."""

from __future__ import annotations

import math
from typing import Literal

from lean_agent_evals.table import CostUnit

__all__ = ["UNKNOWN", "Kind", "in_unit", "number", "show"]

UNKNOWN = "\N{EN DASH}"

Kind = Literal["share", "cost", "amount", "seconds"]


def show(value: float | None, kind: Kind, unit: CostUnit) -> str:
    """A number with its unit where that is a sign; three digits where there are more."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞"
    if kind == "share":
        return f"{100 * value:.0f}%"
    if kind == "seconds":
        return f"{number(value)} s"
    return ("$" if kind == "cost" and unit == "usd" else "") + number(value)


def number(value: float) -> str:
    """Three digits; all those before the point up to a million, then a power of ten."""
    if value == 0:
        return "0"
    if abs(value) >= 1_000_000:
        return f"{value:.3g}".replace("e+0", "e").replace("e+", "e")
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_unit(unit: CostUnit) -> str:
    """What costs are counted in, for a heading."""
    return "US dollars" if unit == "usd" else "token units"
