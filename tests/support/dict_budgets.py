"""A second kind of BudgetStore, the smallest there can be: dictionaries in one process."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lean_agent.ledger.budget import NOTHING, Amount, check_amount, smaller
from lean_agent.ledger.budget_store import Cap, Totals, UnknownReservationError

__all__ = ["DictBudgetStore", "Shelf"]


@dataclass
class _Row:
    owner: object
    scopes: Sequence[str]
    amount: Amount
    lost: Amount
    charged: bool = False


@dataclass
class Shelf:
    """What all stores on it share."""

    lock: Any = field(default_factory=threading.RLock)
    totals: defaultdict[str, Totals] = field(default_factory=lambda: defaultdict(Totals))
    rows: dict[str, _Row] = field(default_factory=dict[str, _Row])

    def add(self, scope: str, *, spent: Amount = NOTHING, reserved: Amount = NOTHING) -> None:
        old = self.totals[scope]
        self.totals[scope] = Totals(old.spent + spent, old.reserved + reserved)


class DictBudgetStore:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        check_amount(amount, "reserve")
        check_amount(lost, "charge as lost")
        made = uuid.uuid4().hex
        with self._shelf.lock:
            old = self._shelf.rows.get(replacing or "")
            for cap in caps:
                used = self._shelf.totals[cap.scope]
                if old is not None and not old.charged and cap.scope in old.scopes:
                    used = Totals(used.spent, used.reserved - old.amount)
                cap.refuse_overrun(used, amount)
            if old is not None:
                self.settle(str(replacing), NOTHING)
            self._shelf.rows[made] = _Row(self, [cap.scope for cap in caps], amount, lost)
            for cap in caps:
                self._shelf.add(cap.scope, reserved=amount)
        return made

    def settle(self, reservation: str, actual: Amount) -> None:
        check_amount(actual, "settle")
        with self._shelf.lock:
            row = self._shelf.rows.pop(reservation, None)
            if row is None:
                raise UnknownReservationError("unknown")
            for scope in row.scopes:
                if row.charged:
                    self._shelf.add(scope, spent=actual - row.lost)
                else:
                    self._shelf.add(scope, spent=actual, reserved=NOTHING - row.amount)

    def refund(self, reservation: str) -> None:
        self.settle(reservation, NOTHING)

    def count_at_least(self, scope: str, spent: Amount) -> None:
        check_amount(spent, "count")
        with self._shelf.lock:
            missing = spent - smaller(spent, self._shelf.totals[scope].spent)
            self._shelf.add(scope, spent=missing)

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        with self._shelf.lock:
            return {scope: self._shelf.totals[scope] for scope in scopes}

    def close(self) -> None:
        with self._shelf.lock:
            for row in self._shelf.rows.values():
                if row.owner is self and not row.charged:
                    row.charged = True
                    for scope in row.scopes:
                        self._shelf.add(scope, spent=row.lost, reserved=NOTHING - row.amount)
