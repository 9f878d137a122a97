"""What mode auto has to keep to be worth having, against what was measured. Spec: gating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ArmFigures", "Bound", "bounds"]

_LOST: Final = 0.02
"""Of the best forced mode's pass rate."""
_COST: Final = 0.5
"""Of the best forced mode's cost."""
_NEEDLESS: Final = 0.05
_INSTANT: Final = 0.10
_CHOOSING: Final = 0.03
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """Means over tasks; costs in token units, ``priced`` with each failure at its price.

    ``cost_of_pass`` is None where nothing passed.
    """

    pass_rate: float
    cost: float
    priced: float
    cost_of_pass: float | None


@dataclass(frozen=True, slots=True)
class Bound:
    """``measured`` is to be at least, at most or below ``bound``.

    Where nothing was measured ``held`` is None; so is ``measured`` where there is nothing that auto
    could be worse than.
    """

    what: str
    measured: float | None
    side: Literal["at least", "at most", "below"]
    bound: float
    held: bool | None


def bounds(
    auto: ArmFigures,
    forced: Mapping[str, ArmFigures],
    *,
    others: Sequence[ArmFigures],
    mixture: float | None,
    needless: float | None,
    instant: float | None,
    choosing: float | None,
) -> tuple[Bound, ...]:
    """Every bound.

    Args:
        auto: Mode auto's figures.
        forced: Those of the forced modes, by name.
        others: Those of every arm but auto.
        mixture: What the cheapest mixture of forced modes costs that passes as many as auto.
        needless: Of tasks that need no tool, the share in which auto called one.
        instant: Of tasks that need one, the share that auto answered in instant mode.
        choosing: Of auto's cost, the share that choosing took.
    """
    name = max(forced, key=lambda one: (forced[one].pass_rate, -forced[one].cost))
    best = forced[name]
    least = min(one.priced for one in others)
    mixed = _bound(
        "cost, over that of the cheapest mixture of forced modes that passes as many",
        None if mixture is None else _ratio(auto.cost, mixture),
        "at most",
        1.0,
    )
    if mixture is None:
        mixed = Bound(mixed.what, None, mixed.side, mixed.bound, held=True)
    return (
        _bound(
            f"pass rate, less that of the best forced mode, {name}",
            auto.pass_rate - best.pass_rate,
            "at least",
            -_LOST,
        ),
        _bound(f"cost, over that of {name}", _ratio(auto.cost, best.cost), "at most", _COST),
        mixed,
        _bound(
            "failure-priced cost, over the least of the other arms'",
            _ratio(auto.priced, least),
            "at most",
            1.0,
        ),
        _bound("tool calls where none is needed, share of tasks", needless, "at most", _NEEDLESS),
        _bound(
            "instant answers where a tool is needed, share of tasks", instant, "at most", _INSTANT
        ),
        _bound("choosing, share of the cost", choosing, "below", _CHOOSING),
    )


def _bound(
    what: str, measured: float | None, side: Literal["at least", "at most", "below"], bound: float
) -> Bound:
    if measured is None:
        return Bound(what, None, side, bound, held=None)
    # A difference of two rates may be off by a rounding.
    held = {
        "at least": measured >= bound - _ROUNDING,
        "at most": measured <= bound + _ROUNDING,
        "below": measured < bound,
    }
    return Bound(what, measured, side, bound, held[side])


def _ratio(cost: float, other: float) -> float | None:
    return cost / other if other else None
