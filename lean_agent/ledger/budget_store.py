"""Where spending that several processes share is kept. Spec: ledger ("Budgets").

A store that talks to Redis or Postgres fits the same Protocol; ``lean_agent.testing`` holds the
suite that shows it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lean_agent.errors import LedgerError
from lean_agent.ledger.budget import NOTHING, Amount, Budget

__all__ = ["BudgetStore", "Cap", "Totals", "UnknownReservationError"]


class UnknownReservationError(LedgerError):
    """The store holds no such reservation: it was settled or refunded, or the store emptied."""

    code = "unknown_reservation"


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be spent in a scope, as in ``day:2026-11-24``; ``limit.seconds`` has no meaning."""

    scope: str
    limit: Budget


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one scope: what was settled, and what open reservations hold."""

    spent: Amount = NOTHING
    reserved: Amount = NOTHING


@runtime_checkable
class BudgetStore(Protocol):
    """Reserves, settles and refunds, each as one atomic step over all of its users.

    Its methods block and may be called from any thread. Each raises LedgerError where the store
    cannot be reached, read or written.
    """

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        """Set ``amount`` aside in every cap's scope, or in none; the id of the reservation.

        ``lost`` is charged in its place if this process dies before it settles. An earlier
        reservation named by ``replacing`` is given back in the same step, if this one succeeds.

        Raises:
            LimitExceededError: names the first limit that would be overrun, and its scope.
        """
        ...

    def settle(self, reservation: str, actual: Amount) -> None:
        """Charge ``actual`` and free the rest.

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

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        """Of each scope; a scope that was never used has none spent."""
        ...

    def close(self) -> None:
        """Let go of the store; what is still reserved through it counts as lost from now on."""
        ...
