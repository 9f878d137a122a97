"""Shared budgets in one SQLite file, for the processes of one machine. Spec: ledger ("Budgets")."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import NOTHING, Amount, check_amount, smaller
from lean_agent.ledger.budget_file import BudgetFile
from lean_agent.ledger.budget_store import Cap, Totals, UnknownReservationError
from lean_agent.ledger.owners import Owner, find_dead

__all__ = ["SqliteBudgetStore"]

_DAY_SECONDS = 86_400
_LATE_SECONDS = 7 * _DAY_SECONDS
"""How long an owner that seemed dead may come back and put its charge right."""
_UNUSED_SECONDS = 400 * _DAY_SECONDS
"""How long a scope is kept that nobody charges any more: a day that is over, say."""


class SqliteBudgetStore:
    """A BudgetStore in ``path``, made with mode 0600 when first needed.

    Safe to share between threads and after a fork; any number of processes may use the file.
    Whose process is gone is found by the lock it held (a file each in ``path`` + ``.owners``).
    A scope that was not charged for 400 days is forgotten.
    """

    def __init__(self, path: Path) -> None:
        self._file = BudgetFile(path, self._tidy)
        self._owners = self._file.path.with_name(f"{self._file.path.name}.owners")
        self._owner: Owner | None = None

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        """As BudgetStore.reserve."""
        check_amount(amount, "reserve")
        check_amount(lost, "charge as lost")
        reservation = uuid.uuid4().hex
        scopes = list(dict.fromkeys(cap.scope for cap in caps))
        with self._file.transaction() as db:
            if replacing is not None:
                _finish(db, replacing, NOTHING)
            found = _totals(db, scopes)
            try:
                _refuse_overrun(caps, found, amount)
            except LimitExceededError:
                if not self._sweep(db):
                    raise
                found = _totals(db, scopes)
                _refuse_overrun(caps, found, amount)
            for scope, totals in found.items():
                _write(db, scope, totals.spent, totals.reserved + amount)
            db.execute(
                "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, NULL)",
                (reservation, self._own(), json.dumps(scopes), _packed(amount), _packed(lost)),
            )
        return reservation

    def settle(self, reservation: str, actual: Amount) -> None:
        """As BudgetStore.settle."""
        check_amount(actual, "settle")
        with self._file.transaction() as db:
            if not _finish(db, reservation, actual):
                raise UnknownReservationError("this reservation was already settled or refunded")

    def refund(self, reservation: str) -> None:
        """As BudgetStore.refund."""
        self.settle(reservation, NOTHING)

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        """As BudgetStore.totals."""
        with self._file.transaction("DEFERRED") as db:
            if not self._dead(db):
                return _totals(db, scopes)
        with self._file.transaction() as db:
            self._sweep(db)
            return _totals(db, scopes)

    def totals_at_rest(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        """The same while the disk is full, if no process has the file open.

        What a dead process held is not charged yet.

        Raises:
            LedgerError: one has it open, or it cannot be read.
        """
        with self._file.at_rest() as db:
            return _totals(db, scopes)

    def count_at_least(self, scope: str, spent: Amount) -> None:
        """As BudgetStore.count_at_least."""
        check_amount(spent, "count")
        with self._file.transaction() as db:
            totals = _totals(db, [scope])[scope]
            missing = spent - smaller(spent, totals.spent)
            _write(db, scope, totals.spent + missing, totals.reserved)

    def close(self) -> None:
        """As BudgetStore.close; the store may be used again, as another owner."""
        self._file.close()
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.close()

    def _own(self) -> str:
        owner = self._owner
        if owner is None or owner.gone:
            owner = self._owner = Owner(self._owners)
        return owner.name

    def _dead(self, db: sqlite3.Connection) -> list[str]:
        """The owners of open reservations that are gone."""
        rows = db.execute("SELECT DISTINCT owner FROM reservations WHERE lost_at IS NULL")
        return find_dead(self._owners, [owner for (owner,) in rows])

    def _sweep(self, db: sqlite3.Connection) -> bool:
        """Charge what dead owners held as lost; whether there was any."""
        dead = self._dead(db)
        for owner in dead:
            rows = db.execute(
                "SELECT scopes, amount, lost FROM reservations WHERE owner = ? AND lost_at IS NULL",
                (owner,),
            ).fetchall()
            for scopes, amount, lost in rows:
                for scope, totals in _totals(db, json.loads(scopes)).items():
                    spent = totals.spent + _unpacked(lost)
                    _write(db, scope, spent, totals.reserved - _unpacked(amount))
            db.execute(
                "UPDATE reservations SET lost_at = ? WHERE owner = ? AND lost_at IS NULL",
                (time.time(), owner),
            )
        return bool(dead)

    def _tidy(self, db: sqlite3.Connection) -> None:
        """Charge what the dead held, remove the files they left, forget what is long over."""
        self._sweep(db)
        if self._owners.is_dir():
            names = [path.name for path in self._owners.iterdir()]
            find_dead(self._owners, [name for name in names if not name.startswith(".")])
        now = time.time()
        db.execute("DELETE FROM reservations WHERE lost_at < ?", (now - _LATE_SECONDS,))
        db.execute("DELETE FROM totals WHERE touched < ?", (now - _UNUSED_SECONDS,))


def _refuse_overrun(caps: Sequence[Cap], found: Mapping[str, Totals], amount: Amount) -> None:
    for cap in caps:
        cap.refuse_overrun(found[cap.scope], amount)


def _finish(db: sqlite3.Connection, reservation: str, actual: Amount) -> bool:
    """Charge ``actual`` for a reservation and end it; False where there is none."""
    row = db.execute(
        "SELECT scopes, amount, lost, lost_at FROM reservations WHERE id = ?", (reservation,)
    ).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM reservations WHERE id = ?", (reservation,))
    scopes, amount, lost, lost_at = row
    for scope, totals in _totals(db, json.loads(scopes)).items():
        if lost_at is None:
            _write(db, scope, totals.spent + actual, totals.reserved - _unpacked(amount))
        else:
            _write(db, scope, totals.spent - _unpacked(lost) + actual, totals.reserved)
    return True


def _totals(db: sqlite3.Connection, scopes: Sequence[str]) -> dict[str, Totals]:
    found: dict[str, Totals] = {}
    for scope in scopes:
        query = "SELECT spent, reserved FROM totals WHERE scope = ?"
        row = db.execute(query, (scope,)).fetchone()
        found[scope] = Totals(_unpacked(row[0]), _unpacked(row[1])) if row else Totals()
    return found


def _write(db: sqlite3.Connection, scope: str, spent: Amount, reserved: Amount) -> None:
    row = (scope, _packed(spent), _packed(reserved), time.time())
    db.execute("INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?)", row)


def _packed(amount: Amount) -> str:
    return f"{amount.usd} {amount.tokens} {amount.steps} {amount.tool_calls}"


def _unpacked(text: str) -> Amount:
    usd, tokens, steps, tool_calls = text.split(" ")
    return Amount(
        usd=Decimal(usd), tokens=int(tokens), steps=int(steps), tool_calls=int(tool_calls)
    )
