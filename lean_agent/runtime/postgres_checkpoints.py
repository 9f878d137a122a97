"""Checkpoints of runs in a Postgres database, for runs that may go on from another machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from lean_agent._redact import keep_secret, redact
from lean_agent.errors import ConfigurationError

try:
    import psycopg
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from psycopg import AsyncConnection
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.rows import DictRow, dict_row
except ImportError as _error:
    raise ConfigurationError(
        "checkpoints in Postgres need the extra [postgres]",
        hint="pip install 'lean-agent[postgres]'",
    ) from _error

from lean_agent.runtime.checkpoints import Checkpoints
from lean_agent.runtime.run_locks import lock_number

__all__ = ["open_postgres"]

_CONNECT_SECONDS: Final = 5
_SETUP_LOCK: Final = 0x6C65616E  # any number that other programs do not lock
_SETUP_PAUSE: Final = 0.05
# So that a server sees in 25 seconds, not in two hours, that a machine with a run is gone.
_ALIVE: Final = (
    "SELECT set_config('tcp_keepalives_idle', '10', false),"
    " set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)


class _PostgresCheckpoints(Checkpoints, AsyncPostgresSaver):
    """A connection that was lost is made anew for the next checkpoint."""

    trouble = (OSError, psycopg.Error)

    def __init__(self, connection: AsyncConnection[DictRow], url: str, conninfo: str) -> None:
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self.connection = connection
        self._url = url
        self._conninfo = conninfo
        self._run_id = ""
        self._locked = False

    async def take(self, run_id: str) -> bool:
        self._run_id = run_id
        self._locked = await _locked(self.connection, lock_number(run_id))
        return self._locked

    async def mend(self) -> None:
        if self.connection.closed:
            self.connection = self.conn = await _connect(self._conninfo)
            self._locked = False
        if not self._locked:  # the lock has ended with its connection
            await self.wait_for(self._run_id)

    def unusable(self, error: Exception) -> ConfigurationError:
        return _unusable(self._url, error)


@asynccontextmanager
async def open_postgres(url: str) -> AsyncGenerator[Checkpoints]:
    """Connect, and make the tables where there are none. A password may also stand in PGPASSWORD
    or in libpq's password file.

    Raises:
        ConfigurationError: the URL is none, or the database cannot be used.
    """
    try:
        conninfo = make_conninfo(url)
        given = conninfo_to_dict(conninfo)
        keep_secret(str(given.get("password") or ""))
        if "connect_timeout" not in given:
            conninfo = make_conninfo(conninfo, connect_timeout=_CONNECT_SECONDS)
        connection = await _connect(conninfo)
    except (OSError, psycopg.Error) as error:
        raise _unusable(url, error) from None
    saver = _PostgresCheckpoints(connection, url, conninfo)
    try:
        try:
            await _make_tables(connection)
        except (OSError, psycopg.Error) as error:
            raise _unusable(url, error) from None
        yield saver
    finally:
        await saver.connection.close()


async def _connect(conninfo: str) -> AsyncConnection[DictRow]:
    connection = await AsyncConnection[DictRow].connect(
        conninfo, autocommit=True, prepare_threshold=0, row_factory=dict_row
    )
    await connection.execute(_ALIVE)
    return connection


async def _locked(connection: AsyncConnection[DictRow], number: int) -> bool:
    """Whether the advisory lock is ours now, until the connection ends.

    To wait for it in the server would hold back its other work: an index is made only once every
    statement that began before has ended.
    """
    asked = await connection.execute("SELECT pg_try_advisory_lock(%s) AS mine", (number,))
    row = await asked.fetchone()
    return row is not None and bool(row["mine"])


async def _make_tables(connection: AsyncConnection[DictRow]) -> None:
    """One process at a time: two that make the same table at once fail."""
    while True:
        if await _locked(connection, _SETUP_LOCK):
            break
        await asyncio.sleep(_SETUP_PAUSE)
    try:
        await AsyncPostgresSaver(connection).setup()
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", (_SETUP_LOCK,))


def _unusable(url: str, error: Exception) -> ConfigurationError:
    lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
    return ConfigurationError(
        f"checkpoints cannot be kept in {redact(url)}: {lines[0]}",
        hint="see that the server runs and that the address, user and password are right",
    )
