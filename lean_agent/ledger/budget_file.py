"""The SQLite file that holds shared budgets: its making, its transactions, its failures, forks.

Two rules of SQLite's shape this (sqlite.org/howtocorrupt.html): a connection must not cross a fork,
so it is closed before one; and nobody but SQLite may open and close the file, since that drops
every lock of the process on it, so the file is made under another name.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from lean_agent.errors import LedgerError

__all__ = ["BudgetFile"]

_VERSION = 1
_BUSY_SECONDS = 10.0

# Amounts are text, so that money stays exact; sums are made in Python.
_SCHEMA = """
CREATE TABLE totals (
    scope TEXT PRIMARY KEY, spent TEXT NOT NULL, reserved TEXT NOT NULL, touched REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE reservations (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, scopes TEXT NOT NULL,
    amount TEXT NOT NULL, lost TEXT NOT NULL, lost_at REAL
) WITHOUT ROWID;
"""

_BEING_MADE = (".new", ".new-journal", ".new-wal", ".new-shm")

_AGAIN = "delete the file; `lean-agent ledger budget set` counts anew what was spent"
_FAILURES = {
    sqlite3.SQLITE_BUSY: ("are locked by another process", "end the process that hangs"),
    sqlite3.SQLITE_FULL: ("cannot be written", "free some disk space"),
    sqlite3.SQLITE_IOERR: ("cannot be written", "free some disk space"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "mend the permissions of the folder"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "mend the permissions of the folder"),
    sqlite3.SQLITE_CORRUPT: ("are damaged", _AGAIN),
    sqlite3.SQLITE_NOTADB: ("are damaged", _AGAIN),
}


class BudgetFile:
    """One connection to ``path``, made with mode 0600 when first needed.

    Safe to share between threads and after a fork. ``on_open`` is called in a transaction whenever
    the file is opened.
    """

    def __init__(self, path: Path, on_open: Callable[[sqlite3.Connection], None]) -> None:
        self.path: Path = path.absolute()
        self._on_open = on_open
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        _files.add(self)

    @contextmanager
    def transaction(
        self, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
    ) -> Generator[sqlite3.Connection]:
        """One transaction, to write or (deferred) to read; undone if the block raises.

        Raises:
            LedgerError: SQLite or the disk failed; nothing was changed.
        """
        with self._lock:
            try:
                connection = self._connected()
                with _begun(connection, kind):
                    yield connection
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                raise self._explained(error) from error

    @contextmanager
    def at_rest(self) -> Generator[sqlite3.Connection]:
        """To read while the disk is full: a transaction needs some room for its index of the WAL.

        Raises:
            LedgerError: there is a WAL, without which the file is not the truth; or it cannot be
                read.
        """
        wal = self._beside("-wal")
        try:
            if wal.exists() and wal.stat().st_size:
                raise LedgerError(f"the budgets in {self.path} are in use")
            connection = sqlite3.connect(f"{self.path.as_uri()}?immutable=1", uri=True)
            with contextlib.closing(connection):
                self._refuse_version(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    def close(self) -> None:
        """Close the connection; the next transaction opens it again."""
        with self._lock:
            self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        with contextlib.suppress(FileNotFoundError):
            # A deleted file takes writes that nobody else sees.
            if self._connection is not None and self.path.stat().st_ino == self._inode:
                return self._connection
        self._disconnect()
        if not self.path.exists():
            self._make()
        connection = _connect(self.path)
        try:
            self._refuse_version(connection)
            # Survives kill -9; a power cut may take the last charges with it, never the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            self._inode = self.path.stat().st_ino
            with _begun(connection, "IMMEDIATE"):
                self._on_open(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _refuse_version(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise LedgerError(
                f"the budgets in {self.path} were written by a newer lean-agent (schema version "
                f"{version}, this one knows {_VERSION})",
                hint="upgrade lean-agent",
            )
        if version != _VERSION:
            raise LedgerError(f"{self.path} holds no budgets of lean-agent", hint=_AGAIN)

    def _make(self) -> None:
        from filelock import FileLock

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self._beside(".lock"), timeout=_BUSY_SECONDS, mode=0o600):
            if self.path.exists():
                return
            for name in (*_BEING_MADE, "-wal", "-shm"):  # of a kill, and of a file that was deleted
                self._beside(name).unlink(missing_ok=True)
            new = self._beside(".new")
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            try:
                connection = _connect(new)
                try:
                    # A WAL is copied into the file by close, which does not tell if the disk is
                    # full; a rollback journal's COMMIT does.
                    connection.executescript(
                        f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
                    )
                    connection.execute("PRAGMA journal_mode = WAL")
                finally:
                    connection.close()
                new.rename(self.path)
            finally:
                for name in _BEING_MADE:
                    self._beside(name).unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _explained(self, error: sqlite3.Error | OSError) -> LedgerError:
        # The low byte is the kind of failure, the rest its detail: sqlite.org/rescode.html.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        what, hint = _FAILURES.get(code, ("cannot be used", "mend the folder or free some space"))
        reason = error.strerror if isinstance(error, OSError) else None
        return LedgerError(f"the budgets in {self.path} {what} ({reason or error})", hint=hint)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # never make a file that has no schema
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def _begun(connection: sqlite3.Connection, kind: str) -> Generator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some failures end it by themselves
            connection.execute("ROLLBACK")
        raise


_files: weakref.WeakSet[BudgetFile] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[BudgetFile] = []


def _close_all() -> None:
    _forking.acquire()
    for file in list(_files):
        file._lock.acquire()  # pyright: ignore[reportPrivateUsage]
        file._disconnect()  # pyright: ignore[reportPrivateUsage]
        _held.append(file)


def _go_on() -> None:
    while _held:
        _held.pop()._lock.release()  # pyright: ignore[reportPrivateUsage]
    _forking.release()


os.register_at_fork(before=_close_all, after_in_parent=_go_on, after_in_child=_go_on)
