"""Checkpoints of runs in one SQLite file."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from lean_agent.errors import ConfigurationError
from lean_agent.runtime.checkpoints import Checkpoints, DiskFailedError
from lean_agent.runtime.run_locks import give_back, take

__all__ = ["open_sqlite"]

_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_DISK_SQLITE_ERRORS: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class _SqliteCheckpoints(Checkpoints, AsyncSqliteSaver):
    """Survives a kill with all that was kept; a power cut may take the last moment."""

    trouble = (OSError, sqlite3.Error)

    def __init__(self, connection: aiosqlite.Connection, path: Path, taken: ExitStack) -> None:
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._path = path
        real = path.resolve()  # a file may have several names
        self._locks = real.with_name(f"{real.name}-lock")
        self._taken = taken

    async def take(self, run_id: str) -> bool:
        mine = take(self._locks, run_id)
        if mine:
            self._taken.callback(give_back, self._locks, run_id)
        return mine

    def unusable(self, error: Exception) -> ConfigurationError:
        return _unusable(self._path, error)


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncGenerator[Checkpoints]:
    """Open or make the file.

    Raises:
        DiskFailedError: its disk is full or failing.
        ConfigurationError: the file cannot be opened as a database.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        connection = await aiosqlite.connect(path)
    except (OSError, aiosqlite.Error) as error:
        raise _unusable(path, error) from error
    with ExitStack() as taken:
        try:
            try:
                await connection.execute("PRAGMA journal_mode=WAL")
                await connection.execute("PRAGMA synchronous=NORMAL")
                await connection.execute("PRAGMA busy_timeout=5000")
                await connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is gone
                saver = _SqliteCheckpoints(connection, path, taken)
                await saver.setup()
            except aiosqlite.Error as error:
                raise _unusable(path, error) from error
            yield saver
        finally:
            await connection.close()


def _make(path: Path) -> None:
    """Make the file where there is none: it holds prompts, so it is no one else's.

    One that is there is left alone. To open and close it would end all locks that SQLite holds on
    it in this process, and another process would then take its log away.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    message = f"checkpoints cannot be kept in {path}: {error}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of it says where
    if code in _DISK_SQLITE_ERRORS or getattr(error, "errno", None) in _DISK_ERRORS:
        return DiskFailedError(message, hint="free some disk space")
    return ConfigurationError(message, hint="move that file away or mend its permissions")
