"""Checkpoints of runs in one SQLite file, written in the background as a run goes on."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from lean_agent.errors import ConfigurationError

__all__ = ["open_checkpoints"]


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncGenerator[AsyncSqliteSaver]:
    """Open or make the file.

    Raises:
        ConfigurationError: the file cannot be opened as a database.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds prompts: no one else's
        connection = await aiosqlite.connect(path)
    except (OSError, aiosqlite.Error) as error:
        raise _unusable(path, error) from error
    try:
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            await connection.execute("PRAGMA busy_timeout=5000")
            serde = JsonPlusSerializer(allowed_msgpack_modules=None)
            saver = AsyncSqliteSaver(connection, serde=serde)
            await saver.setup()
        except aiosqlite.Error as error:
            raise _unusable(path, error) from error
        yield saver
    finally:
        await connection.close()


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"checkpoints cannot be kept in {path}: {error}",
        hint="choose another file, or run without checkpoints",
    )
