"""Where spending that several processes share is kept. Spec: ledger ("Budgets").

A store that talks to Redis or Postgres fits the same Protocol;
``lean_agent.testing.check_budget_store`` shows whether it does, and ``Ledger(budget_store=...)``
takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Protocol, runtime_checkable

from lean_agent.errors import ConfigurationError, LedgerError, LimitExceededError
from lean_agent.ledger.budget import LIMITS, NOTHING, Amount, Budget
from lean_agent.usage import EXACT

__all__ = ["BudgetStore", "Cap", "Totals", "UnknownReservationError"]

_SHOWN = Decimal("0.000001")


class UnknownReservationError(LedgerError):
    """The store holds no such reservation: it was settled or refunded, or the store emptied."""

    code = "unknown_reservation"


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one scope: what was settled, and what open reservations hold."""

    spent: Amount = NOTHING
    reserved: Amount = NOTHING


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be spent in a scope, as in ``day:2026-11-24``.

    An error calls it ``called``, as in "$0.51 of $0.50 a day", or else by its scope; ``hint`` says
    how to raise it.

    Raises:
        ConfigurationError: the limit has seconds, which no store counts.
    """

    scope: str
    limit: Budget
    called: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        if self.limit.seconds is not None:
            raise ConfigurationError(
                f"a cap on {self.scope} cannot limit seconds",
                hint="give Budget(seconds=...) to each run",
            )

    @property
    def where(self) -> str:
        """As in "the cap a day"."""
        return self.called or f"in {self.scope}"

    def refuse_overrun(self, used: Totals, amount: Amount) -> None:
        """For stores: only limits that ``amount`` asks something of can refuse it.

        Raises:
            LimitExceededError: the first limit that ``amount`` on top of ``used`` would overrun.
        """
        wanted = used.spent + used.reserved + amount
        for name in LIMITS:
            limit, value = getattr(self.limit, name), getattr(wanted, name)
            if limit is not None and getattr(amount, name) and value > limit:
                raise LimitExceededError(
                    name, _shown(value), f"{_shown(limit)} {self.where}", hint=self.hint
                )


def _shown(value: Decimal | int) -> str:
    """Dollars with two to six decimals, rounded up, so that an overrun is seen; else the count."""
    if not isinstance(value, Decimal):
        return str(value)
    whole, _, cents = format(value.quantize(_SHOWN, ROUND_UP, EXACT), "f").partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


@runtime_checkable
class BudgetStore(Protocol):
    """Reserves, settles and refunds, each as one atomic step over all of its users.

    Its methods block and may be called from any thread. Each raises LedgerError where the store
    cannot be reached, read or written, and where an amount is negative or not finite. The id of a
    reservation means the same to every process that uses the store.
    """

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        """Set ``amount`` aside in every cap's scope, or in none; the id of the reservation.

        ``lost`` is charged in its place if this process dies before it settles. An earlier
        reservation named by ``replacing`` is given back in the same step, if this one succeeds;
        one that has ended gives nothing back.

        Raises:
            LimitExceededError: from ``Cap.refuse_overrun``; everything is as it was before.
        """
        ...

    def settle(self, reservation: str, actual: Amount) -> None:
        """Charge ``actual``, more than was reserved if that is the truth, and free the rest.

        A reservation that was charged as lost meanwhile, because its owner seemed dead, is put
        right.

        Raises:
            UnknownReservationError: it was already settled or refunded.
        """
        ...

    def refund(self, reservation: str) -> None:
        """Give everything back.

        Raises:
            UnknownReservationError: it was already settled or refunded.
        """
        ...

    def count_at_least(self, scope: str, spent: Amount) -> None:
        """Raise what a scope has spent to ``spent``, part by part, where it is less."""
        ...

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        """Of each scope; one that was never used has nothing spent and nothing reserved."""
        ...

    def close(self) -> None:
        """Let go of the store; what is still reserved through it counts as lost from now on."""
        ...
