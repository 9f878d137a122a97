"""Shared budgets in one SQLite file, for the processes of one machine. Spec: ledger ("Budgets")."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from filelock import FileLock

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.budget import LIMITS, NOTHING, Amount, check_amount
from lean_agent.ledger.budget_store import Cap, Totals, UnknownReservationError
from lean_agent.ledger.owners import Owner, is_dead

__all__ = ["SqliteBudgetStore"]

_VERSION = 1
_BUSY_SECONDS = 10.0
_LATE_SECONDS = 7 * 86_400
"""How long an owner that seemed dead may come back and put its charge right."""

# Money is text, so that it stays exact; sums are made here, not in SQL.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS totals (
    scope TEXT PRIMARY KEY,
    spent_usd TEXT NOT NULL, spent_tokens INTEGER NOT NULL,
    spent_steps INTEGER NOT NULL, spent_tool_calls INTEGER NOT NULL,
    reserved_usd TEXT NOT NULL, reserved_tokens INTEGER NOT NULL,
    reserved_steps INTEGER NOT NULL, reserved_tool_calls INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    id TEXT NOT NULL, scope TEXT NOT NULL, owner TEXT NOT NULL, lost_at REAL,
    usd TEXT NOT NULL, tokens INTEGER NOT NULL,
    steps INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
    lost_usd TEXT NOT NULL, lost_tokens INTEGER NOT NULL,
    lost_steps INTEGER NOT NULL, lost_tool_calls INTEGER NOT NULL,
    PRIMARY KEY (id, scope)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reservations_owner ON reservations (owner);
CREATE TABLE IF NOT EXISTS caps (period TEXT PRIMARY KEY, usd TEXT, tokens INTEGER);
"""


def _parts(amount: Amount) -> tuple[str, int, int, int]:
    return format(amount.usd, "f"), amount.tokens, amount.steps, amount.tool_calls


def _amount(row: Sequence[Any]) -> Amount:
    usd, tokens, steps, tool_calls = row
    return Amount(usd=Decimal(usd), tokens=tokens, steps=steps, tool_calls=tool_calls)


class SqliteBudgetStore:
    """A BudgetStore in ``path``, made with mode 0600 when first needed.

    Safe to share between threads and after a fork; any number of processes may use the file.
    Whose process is gone is found by the lock it held (a file each in ``path`` + ``.owners``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._owners = self.path.with_name(self.path.name + ".owners")
        self._begin()
        _stores.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner: Owner | None = None

    def reserve(
        self, caps: Sequence[Cap], amount: Amount, *, lost: Amount, replacing: str | None = None
    ) -> str:
        """As BudgetStore.reserve."""
        check_amount(amount, "reserve")
        check_amount(lost, "charge as lost")
        try:
            return self._reserve(caps, amount, lost, replacing)
        except LimitExceededError:
            if not self._sweep():
                raise
            return self._reserve(caps, amount, lost, replacing)

    def _reserve(
        self, caps: Sequence[Cap], amount: Amount, lost: Amount, replacing: str | None
    ) -> str:
        reservation = uuid.uuid4().hex
        with self._transaction() as connection:
            owner = self._own()
            if replacing is not None:
                self._finish(connection, replacing, NOTHING)
            for cap in caps:
                totals = _totals(connection, cap.scope)
                _refuse_overrun(cap, totals.spent + totals.reserved + amount, amount)
                _write(connection, cap.scope, totals.spent, totals.reserved + amount)
                connection.execute(
                    "INSERT INTO reservations VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (reservation, cap.scope, owner, *_parts(amount), *_parts(lost)),
                )
        return reservation

    def settle(self, reservation: str, actual: Amount) -> None:
        """As BudgetStore.settle."""
        check_amount(actual, "settle")
        with self._transaction() as connection:
            self._finish(connection, reservation, actual)

    def refund(self, reservation: str) -> None:
        """As BudgetStore.refund."""
        with self._transaction() as connection:
            self._finish(connection, reservation, NOTHING)

    def totals(self, scopes: Sequence[str]) -> dict[str, Totals]:
        """As BudgetStore.totals."""
        self._sweep()
        with self._transaction() as connection:
            return {scope: _totals(connection, scope) for scope in scopes}

    def read_caps(self) -> dict[str, tuple[str | None, int | None]]:
        """Limits in dollars and tokens by period, as ``write_cap`` left them."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT period, usd, tokens FROM caps").fetchall()
        return {period: (usd, tokens) for period, usd, tokens in rows}

    def write_cap(self, period: str, limits: tuple[str | None, int | None] | None) -> bool:
        """Set a period's limits or (None) remove them; whether it had any."""
        with self._transaction() as connection:
            had = connection.execute("DELETE FROM caps WHERE period = ?", (period,)).rowcount > 0
            if limits is not None:
                connection.execute("INSERT INTO caps VALUES (?, ?, ?)", (period, *limits))
        return had

    def close(self) -> None:
        """As BudgetStore.close."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._owner is not None:
                self._owner.close()
                self._owner = None

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """One writing transaction; every failure of the file is a LedgerError."""
        with self._lock:
            try:
                connection = self._connection or self._connect()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                raise LedgerError(
                    f"the budgets in {self.path} cannot be used: {error}",
                    hint="free the disk or mend the folder's permissions; a damaged file may be "
                    "deleted, the caps are then set anew",
                ) from error

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise LedgerError(
                    f"{self.path} was written by a newer lean-agent (version {version}, this one "
                    f"knows {_VERSION})",
                    hint="upgrade lean-agent to keep these caps",
                )
            if version < _VERSION:
                self._make(connection)
            # Survives kill -9; a power cut may take the last charges with it, never the file.
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for another process while it changes the journal's mode.
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_BUSY_SECONDS)
        with lock:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    def _own(self) -> str:
        if self._owner is None:
            self._owner = Owner(self._owners)
        return self._owner.name

    def _finish(self, connection: sqlite3.Connection, reservation: str, actual: Amount) -> None:
        rows = connection.execute(
            "DELETE FROM reservations WHERE id = ? RETURNING scope, lost_at, usd, tokens, steps,"
            " tool_calls, lost_usd, lost_tokens, lost_steps, lost_tool_calls",
            (reservation,),
        ).fetchall()
        if not rows:
            raise UnknownReservationError("this reservation was already settled or refunded")
        for scope, lost_at, *amounts in rows:
            held, lost = _amount(amounts[:4]), _amount(amounts[4:])
            totals = _totals(connection, scope)
            if lost_at is None:
                _write(connection, scope, totals.spent + actual, totals.reserved - held)
            else:
                _write(connection, scope, totals.spent - lost + actual, totals.reserved)

    def _sweep(self) -> bool:
        """Charge what dead owners held as lost; whether there was any."""
        with self._transaction() as connection:
            owners = [
                name
                for (name,) in connection.execute(
                    "SELECT DISTINCT owner FROM reservations WHERE lost_at IS NULL"
                )
            ]
            mine = self._owner.name if self._owner is not None else ""
            dead = [n for n in owners if n != mine and is_dead(self._owners, n)]
            now = time.time()
            for owner in dead:
                rows = connection.execute(
                    "SELECT scope, usd, tokens, steps, tool_calls, lost_usd, lost_tokens,"
                    " lost_steps, lost_tool_calls FROM reservations"
                    " WHERE owner = ? AND lost_at IS NULL",
                    (owner,),
                ).fetchall()
                for scope, *amounts in rows:
                    held, lost = _amount(amounts[:4]), _amount(amounts[4:])
                    totals = _totals(connection, scope)
                    _write(connection, scope, totals.spent + lost, totals.reserved - held)
                connection.execute(
                    "UPDATE reservations SET lost_at = ? WHERE owner = ? AND lost_at IS NULL",
                    (now, owner),
                )
            if dead:
                connection.execute(
                    "DELETE FROM reservations WHERE lost_at < ?", (now - _LATE_SECONDS,)
                )
        return bool(dead)

    def _after_fork_in_child(self) -> None:
        # The parent's connection must neither be used nor closed here, only forgotten: closing it
        # would drop the parent's locks on the file.
        if self._connection is not None:
            _parents.append(self._connection)
        if self._owner is not None:
            self._owner.abandon()
        self._begin()


def _refuse_overrun(cap: Cap, wanted: Amount, amount: Amount) -> None:
    for name in LIMITS:
        limit = getattr(cap.limit, name)
        if limit is not None and getattr(amount, name) and getattr(wanted, name) > limit:
            raise LimitExceededError(name, getattr(wanted, name), f"{limit} ({cap.scope})")


def _totals(connection: sqlite3.Connection, scope: str) -> Totals:
    row = connection.execute("SELECT * FROM totals WHERE scope = ?", (scope,)).fetchone()
    return Totals(_amount(row[1:5]), _amount(row[5:9])) if row else Totals()


def _write(connection: sqlite3.Connection, scope: str, spent: Amount, reserved: Amount) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (scope, *_parts(spent), *_parts(reserved)),
    )


_stores: weakref.WeakSet[SqliteBudgetStore] = weakref.WeakSet()
_parents: list[sqlite3.Connection] = []


def _forget_the_parent() -> None:
    for store in list(_stores):
        store._after_fork_in_child()  # pyright: ignore[reportPrivateUsage]


os.register_at_fork(after_in_child=_forget_the_parent)
