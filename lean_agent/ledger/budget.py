"""What may be spent and what was: limits, amounts and what is left. Spec: ledger ("Budgets")."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final, Literal

from lean_agent.errors import ConfigurationError, LedgerError
from lean_agent.usage import EXACT

__all__ = [
    "LIMITS",
    "NOTHING",
    "Amount",
    "Budget",
    "Remaining",
    "as_far_as",
    "check_amount",
    "least",
    "smaller",
]

_Limit = Literal["usd", "tokens", "steps", "tool_calls"]
_TRILLION: Final = Decimal(10) ** 12
LIMITS: Final[tuple[_Limit, ...]] = ("usd", "tokens", "steps", "tool_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard limits; None is no limit, 0 allows nothing.

    ``usd`` also takes an int, a float or a string and keeps exactly what was written: 0.1 is a
    tenth. ``tokens`` counts input and output. ``seconds`` run from the account's opening.

    Raises:
        ConfigurationError: a limit is negative, not a finite number or of another type.
    """

    usd: Decimal | None
    tokens: int | None
    steps: int | None
    tool_calls: int | None
    seconds: float | None

    def __init__(
        self,
        *,
        usd: Decimal | float | str | None = None,
        tokens: int | None = None,
        steps: int | None = None,
        tool_calls: int | None = None,
        seconds: float | None = None,
    ) -> None:
        # Written out, since the constructor takes more types for usd than the field has.
        set_field = object.__setattr__
        set_field(self, "usd", _money("usd", usd))
        set_field(self, "tokens", _count("tokens", tokens))
        set_field(self, "steps", _count("steps", steps))
        set_field(self, "tool_calls", _count("tool_calls", tool_calls))
        set_field(self, "seconds", _seconds("seconds", seconds))


def _refused(name: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"Budget({name}={value!r}): {wanted}", hint=f"leave {name} out for no limit"
    )


# The three take Any: they exist for the callers whom no type checker has seen.
def _money(name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        money = None if isinstance(value, bool) else Decimal(str(value).strip())
    except InvalidOperation:
        money = None
    if money is None or not money.is_finite() or not 0 <= money < _TRILLION:
        raise _refused(name, value, "needs a number of US dollars, 0 or more, below a trillion")
    return money


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise _refused(name, value, "needs a whole number, 0 or more")
    return value


def _seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not isfinite(value) or value < 0:
        raise _refused(name, value, "needs a number of seconds, 0 or more")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What is reserved or charged: US dollars, tokens (input and output), steps, tool calls."""

    usd: Decimal = Decimal(0)
    tokens: int = 0
    steps: int = 0
    tool_calls: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            usd=EXACT.add(self.usd, other.usd),
            tokens=self.tokens + other.tokens,
            steps=self.steps + other.steps,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            usd=EXACT.subtract(self.usd, other.usd),
            tokens=self.tokens - other.tokens,
            steps=self.steps - other.steps,
            tool_calls=self.tool_calls - other.tool_calls,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What may still be reserved, 0 or more each; None is unlimited."""

    usd: Decimal | None = None
    tokens: int | None = None
    steps: int | None = None
    tool_calls: int | None = None
    seconds: float | None = None


NOTHING = Amount()


def smaller(one: Amount, other: Amount) -> Amount:
    """Part by part."""
    return Amount(
        usd=min(one.usd, other.usd),
        tokens=min(one.tokens, other.tokens),
        steps=min(one.steps, other.steps),
        tool_calls=min(one.tool_calls, other.tool_calls),
    )


def least(one: Remaining, other: Remaining) -> Remaining:
    """Part by part; None is unlimited."""
    parts: dict[str, Any] = {}
    for name in Remaining.__slots__:
        values = [v for v in (getattr(one, name), getattr(other, name)) if v is not None]
        parts[name] = min(values, default=None)
    return Remaining(**parts)


def as_far_as(amount: Amount, left: Remaining) -> Amount:
    """As much of ``amount`` as is left, part by part."""
    parts: dict[str, Any] = {}
    for name in LIMITS:
        wanted, here = getattr(amount, name), getattr(left, name)
        parts[name] = wanted if here is None else min(wanted, here)
    return Amount(**parts)


def check_amount(amount: Amount, verb: str) -> None:
    """Raises LedgerError where a part of ``amount`` is negative or not finite."""
    if (
        not amount.usd.is_finite()
        or amount.usd < 0
        or amount.tokens < 0
        or amount.steps < 0
        or amount.tool_calls < 0
    ):
        raise LedgerError(f"cannot {verb} {amount}: every part must be 0 or more")
