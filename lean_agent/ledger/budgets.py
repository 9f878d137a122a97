"""Budgets that nobody overruns: reserve the worst case, settle the truth, refund the rest.

Accounts nest (a session's, a run's, a sub-agent's): a reservation holds in every account up to the
root or in none. Spec: ledger ("Budgets").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from math import isfinite
from types import TracebackType
from typing import Any, Final, Literal, Self

from lean_agent.errors import ConfigurationError, LedgerError, LimitExceededError

__all__ = ["Account", "Amount", "Budget", "Remaining", "Reservation"]

# Exact for any realistic money, whatever precision the caller's own decimal context has. Rounding
# would leave a remainder when a reservation is given back.
_EXACT = Context(prec=60)

_Limit = Literal["usd", "tokens", "steps", "tool_calls"]
_LIMITS: Final[tuple[_Limit, ...]] = ("usd", "tokens", "steps", "tool_calls")


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
    if money is None or not money.is_finite() or money < 0:
        raise _refused(name, value, "needs a number of US dollars, 0 or more")
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
            usd=_EXACT.add(self.usd, other.usd),
            tokens=self.tokens + other.tokens,
            steps=self.steps + other.steps,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            usd=_EXACT.subtract(self.usd, other.usd),
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


_NOTHING = Amount()


def _minus(one: Any, other: Any) -> Any:
    return _EXACT.subtract(one, other) if isinstance(one, Decimal) else one - other


class Account:
    """Keeps a budget; safe to share between threads and tasks.

    ``holdback`` is the slice of the budget that only a ``final`` reservation may touch: with it a
    run at its limit can still pay for an answer. What is charged here is charged to ``parent`` and
    its ancestors too. ``clock`` returns seconds and never goes back.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        parent: Account | None = None,
        holdback: Amount = _NOTHING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(holdback, "hold back")
        self.budget = budget if budget is not None else Budget()
        self._clock = clock
        self._opened = clock()
        self._spent = _NOTHING
        self._reserved = _NOTHING
        # (name, limit, what of it an ordinary reservation may use) of the limits that are set.
        self._limits = [
            (name, limit, _minus(limit, getattr(holdback, name)))
            for name in _LIMITS
            if (limit := getattr(self.budget, name)) is not None
        ]
        # One lock for the whole tree: a reservation is one decision over all of its accounts.
        self._lock: threading.Lock = parent._lock if parent is not None else threading.Lock()
        self._chain: tuple[Account, ...] = (self,) if parent is None else (self, *parent._chain)

    @property
    def spent(self) -> Amount:
        """Everything settled so far, in this account and those below it."""
        return self._spent

    @property
    def reserved(self) -> Amount:
        """What open reservations hold, in this account and those below it."""
        return self._reserved

    def reserve(self, amount: Amount, *, final: bool = False) -> Reservation:
        """Set ``amount`` aside here and in every ancestor, or nowhere.

        Only limits that ``amount`` asks something of can refuse it, and the clock. A ``final``
        reservation may use what is held back.

        Raises:
            LimitExceededError: names the first limit that would be overrun, this account's before
                its parent's; nothing is reserved then.
            LedgerError: the amount is negative or not finite.
        """
        _check(amount, "reserve")
        with self._lock:
            for account in self._chain:
                account._refuse_overrun(amount, final=final)
            for account in self._chain:
                account._reserved += amount
        return Reservation(self, amount)

    def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left anywhere from here to the root, open reservations deducted."""
        left: dict[str, Any] = {}
        with self._lock:
            for account in self._chain:
                account._narrow(left, final=final)
        return Remaining(**left)

    def _elapsed(self) -> float:
        return self._clock() - self._opened

    def _refuse_overrun(self, amount: Amount, *, final: bool) -> None:
        wanted = self._spent + self._reserved + amount
        for name, limit, ordinary in self._limits:
            value = getattr(wanted, name)
            if getattr(amount, name) and value > (limit if final else ordinary):
                hint = f"raise Budget({name}=...) to go on"
                if ordinary != limit:
                    hint += f"; {_minus(limit, ordinary)} of it is held back for the final answer"
                raise LimitExceededError(name, value, limit, hint=hint)
        seconds = self.budget.seconds
        if seconds is not None and (elapsed := self._elapsed()) >= seconds:
            hint = "raise Budget(seconds=...) to go on"
            raise LimitExceededError("seconds", round(elapsed, 3), seconds, hint=hint)

    def _narrow(self, left: dict[str, Any], *, final: bool) -> None:
        used = self._spent + self._reserved
        for name, limit, ordinary in self._limits:
            here = max(type(limit)(0), _minus(limit if final else ordinary, getattr(used, name)))
            left[name] = min(left.get(name, here), here)
        if self.budget.seconds is not None:
            here = max(0.0, self.budget.seconds - self._elapsed())
            left["seconds"] = min(left.get("seconds", here), here)


class Reservation:
    """An amount set aside, to be settled or refunded exactly once.

    A context manager: what is neither settled nor refunded inside the block is refunded at its end.
    """

    __slots__ = ("_account", "_open", "amount")

    def __init__(self, account: Account, amount: Amount) -> None:
        self._account = account
        self._open = True
        self.amount = amount

    def settle(self, actual: Amount) -> None:
        """Charge ``actual``, more than was reserved if that is the truth, and free the rest.

        Raises:
            LedgerError: already settled or refunded, or ``actual`` is negative or not finite.
        """
        _check(actual, "settle")
        self._finish(actual)

    def refund(self) -> None:
        """Give everything back.

        Raises:
            LedgerError: already settled or refunded.
        """
        self._finish(_NOTHING)

    def _finish(self, actual: Amount) -> None:
        account = self._account
        with account._lock:  # pyright: ignore[reportPrivateUsage]
            if not self._open:
                raise LedgerError("this reservation was already settled or refunded")
            self._open = False
            for each in account._chain:  # pyright: ignore[reportPrivateUsage]
                each._reserved -= self.amount  # pyright: ignore[reportPrivateUsage]
                each._spent += actual  # pyright: ignore[reportPrivateUsage]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open:
            self.refund()


def _check(amount: Amount, verb: str) -> None:
    if (
        not amount.usd.is_finite()
        or amount.usd < 0
        or amount.tokens < 0
        or amount.steps < 0
        or amount.tool_calls < 0
    ):
        raise LedgerError(f"cannot {verb} {amount}: every part must be 0 or more")
