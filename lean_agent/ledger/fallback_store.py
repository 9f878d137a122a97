"""A store that fails does not lift the caps: they are then kept in memory.

From what was last seen of the totals, or where nothing was, from what the ledger has recorded; plus
what this process reserved and spent since. When the store is back it is told all of that.
Spec: ledger ("Budgets").
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from lean_agent.errors import LedgerError
from lean_agent.ledger.budget import NOTHING, Amount, Budget, check_amount, smaller
from lean_agent.ledger.budget_store import BudgetStore, Cap, Totals, UnknownReservationError

__all__ = ["FallbackStore"]


@dataclass(slots=True, eq=False)
class _Hold:
    """``stored`` is its id in the store, None until that knows of it; ``actual`` is its end.

    ``doubtful``: the store may have heard of the end, though it seemed to fail.
    """

    scopes: Sequence[str]
    amount: Amount
    lost: Amount
    stored: str | None = None
    actual: Amount | None = None
    doubtful: bool = False


class FallbackStore:
    """The store that all runs of this process share: a BudgetStore on top of another.

    None of its methods fails for the sake of the one below; ``failure`` says what is wrong there,
    until it works again. ``recorded`` tells what a scope has spent by another source. The one below
    is closed with the last user, see ``share``.
    """

    def __init__(
        self, store: BudgetStore, recorded: Callable[[str], Amount] = lambda _scope: NOTHING
    ) -> None:
        self.failure: LedgerError | None = None
        self._store = store
        self._recorded = recorded
        self._lock = threading.Lock()
        self._users = 0
        self._open: dict[str, _Hold] = {}
        self._untold: deque[_Hold] = deque()
        self._known: dict[str, Totals] = {}

    def share(self) -> Self:
        """The store itself, for one more user, who has to close it."""
        with self._lock:
            self._users += 1
        return self

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        """As BudgetStore.reserve."""
        check_amount(amount, "reserve")
        check_amount(lost, "charge as lost")
        with self._lock:
            old = self._open.get(replacing) if replacing is not None else None
            hold = _Hold(list(dict.fromkeys(cap.scope for cap in caps)), amount, lost)
            try:
                self._catch_up()
                hold.stored = self._store.reserve(
                    caps, amount, lost=lost, replacing=old.stored if old else None
                )
            except LedgerError as error:
                self.failure = error
                self._refuse_overrun(caps, amount, old)
                self._untold.append(hold)
            if old is not None:
                self._end(str(replacing), NOTHING, told=hold.stored is not None)
            reservation = hold.stored or uuid.uuid4().hex
            self._open[reservation] = hold
            self._note(hold.scopes, reserved=amount)
        return reservation

    def settle(self, reservation: str, actual: Amount) -> None:
        """As BudgetStore.settle."""
        check_amount(actual, "settle")
        with self._lock:
            if reservation not in self._open:
                raise UnknownReservationError("this reservation was already settled or refunded")
            self._end(reservation, actual, told=False)
            self._try_to_catch_up()

    def refund(self, reservation: str) -> None:
        """As BudgetStore.refund."""
        self.settle(reservation, NOTHING)

    def count_at_least(self, scope: str, spent: Amount) -> None:
        """As BudgetStore.count_at_least."""
        check_amount(spent, "count")
        with self._lock:
            try:
                self._catch_up()
                self._store.count_at_least(scope, spent)
                self._known.update(self._store.totals([scope]))
            except LedgerError as error:
                self.failure = error
                missing = spent - smaller(spent, self._last_known(scope).spent)
                self._note([scope], spent=missing)
                self._untold.append(_Hold([scope], missing, missing, actual=missing))

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        """As BudgetStore.totals."""
        with self._lock:
            try:
                self._catch_up()
                self._known.update(self._store.totals(scopes))
            except LedgerError as error:
                self.failure = error
            return {scope: self._last_known(scope) for scope in scopes}

    def close(self) -> None:
        """Leave it; the last user closes the store below."""
        with self._lock:
            self._users -= 1
            if self._users <= 0:
                self._try_to_catch_up()
                with contextlib.suppress(LedgerError):
                    self._store.close()

    def _last_known(self, scope: str) -> Totals:
        if scope not in self._known:
            spent, reserved = NOTHING, NOTHING
            with contextlib.suppress(LedgerError):  # then what this process spends is all we know
                spent = self._recorded(scope)
            for hold in self._open.values():
                if scope in hold.scopes:
                    reserved += hold.amount
            self._known[scope] = Totals(spent, reserved)
        return self._known[scope]

    def _refuse_overrun(self, caps: Sequence[Cap], amount: Amount, old: _Hold | None) -> None:
        for cap in caps:
            known = self._last_known(cap.scope)
            if old is not None and cap.scope in old.scopes:
                known = Totals(known.spent, known.reserved - old.amount)
            cap.refuse_overrun(known, amount)

    def _end(self, reservation: str, actual: Amount, *, told: bool) -> None:
        hold = self._open.pop(reservation)
        hold.actual = actual
        self._note(hold.scopes, spent=actual, reserved=NOTHING - hold.amount)
        if hold.stored is not None and not told:  # else it waits already
            self._untold.append(hold)

    def _note(
        self, scopes: Sequence[str], *, spent: Amount = NOTHING, reserved: Amount = NOTHING
    ) -> None:
        for scope in scopes:
            known = self._known.get(scope)
            if known is not None:
                self._known[scope] = Totals(known.spent + spent, known.reserved + reserved)

    def _try_to_catch_up(self) -> None:
        try:
            self._catch_up()
        except LedgerError as error:
            self.failure = error

    def _catch_up(self) -> None:
        """Tell the store what it does not know; LedgerError while it fails."""
        while self._untold:
            hold = self._untold[0]
            if hold.stored is None:
                uncapped = [Cap(scope, Budget()) for scope in hold.scopes]
                if hold.actual is None:
                    hold.stored = self._store.reserve(uncapped, hold.amount, lost=hold.lost)
                else:
                    hold.stored = self._store.reserve(uncapped, hold.actual, lost=hold.actual)
            if hold.actual is not None and not self._told_the_end(hold.stored, hold):
                hold.stored = None  # the store was emptied: it is charged anew
                continue
            self._untold.popleft()
        self.failure = None

    def _told_the_end(self, stored: str, hold: _Hold) -> bool:
        doubtful, hold.doubtful = hold.doubtful, True
        try:
            self._store.settle(stored, hold.actual or NOTHING)
        except UnknownReservationError:
            return doubtful
        return True
