"""Checkpoints of runs in one SQLite file, written in the background as a run goes on.

A run is kept until it is complete: it holds prompts, and there is nothing left to resume.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from lean_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

__all__ = ["Checkpoints", "DiskFailedError", "open_checkpoints"]

_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_DISK_SQLITE_ERRORS: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class DiskFailedError(ConfigurationError):
    """The file is the right one, but its disk is full or failing."""


class Checkpoints(AsyncSqliteSaver):
    """The saver; a disk that fails in the middle costs the resuming of a run, never its answer.

    ``kept`` says whether there is any state to go on from, ``failure`` why the newest is not kept.
    """

    kept = False
    failure = ""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        try:
            kept = await super().aput(config, checkpoint, metadata, new_versions)
        except (OSError, sqlite3.Error) as error:
            self.failure = f"a checkpoint could not be kept ({error})"
            where = {**config.get("configurable", {}), "checkpoint_id": checkpoint["id"]}
            return {"configurable": where}
        # A checkpoint is the whole state: those that were lost before do not matter.
        self.kept, self.failure = True, ""
        return kept

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        # They only spare a node that ended just before a kill; the next checkpoint has them.
        with contextlib.suppress(OSError, sqlite3.Error):
            await super().aput_writes(config, writes, task_id, task_path)

    def refuse_stale(self) -> None:
        """For an update that what follows is read from.

        Raises:
            DiskFailedError: it was not kept.
        """
        if self.failure:
            raise DiskFailedError(self.failure, hint="free some disk space")

    async def forget(self, run_id: str) -> list[str]:
        """Delete a run that is complete; a line where its prompts had to stay."""
        try:
            await self.adelete_thread(run_id)
        except (OSError, sqlite3.Error) as error:
            return [f"the checkpoints of this run could not be deleted: {error}"]
        return []


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncGenerator[Checkpoints]:
    """Open or make the file.

    Raises:
        DiskFailedError: its disk is full or failing.
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
            await connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is gone
            serde = JsonPlusSerializer(allowed_msgpack_modules=None)
            saver = Checkpoints(connection, serde=serde)
            await saver.setup()
        except aiosqlite.Error as error:
            raise _unusable(path, error) from error
        yield saver
    finally:
        await connection.close()


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    message = f"checkpoints cannot be kept in {path}: {error}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of it says where
    if code in _DISK_SQLITE_ERRORS or getattr(error, "errno", None) in _DISK_ERRORS:
        return DiskFailedError(message, hint="free some disk space")
    return ConfigurationError(message, hint="move that file away or mend its permissions")
