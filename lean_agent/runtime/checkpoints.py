"""Checkpoints of runs in one SQLite file, written in the background as a run goes on.

A run is kept until it is complete: it holds prompts, and there is nothing left to resume.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from lean_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

__all__ = ["Checkpoints", "open_checkpoints"]


class Checkpoints(AsyncSqliteSaver):
    """The saver; a disk that fails in the middle costs the resuming of a run, never its answer.

    ``failure`` is a line on the first write that failed.
    """

    failure = ""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        try:
            return await super().aput(config, checkpoint, metadata, new_versions)
        except (OSError, sqlite3.Error) as error:
            self._note(error)
            where = {**config.get("configurable", {}), "checkpoint_id": checkpoint["id"]}
            return {"configurable": where}

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        try:
            await super().aput_writes(config, writes, task_id, task_path)
        except (OSError, sqlite3.Error) as error:
            self._note(error)

    async def forget(self, run_id: str) -> None:
        """Delete a run that is complete."""
        try:
            await self.adelete_thread(run_id)
        except (OSError, sqlite3.Error) as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        self.failure = self.failure or f"this run cannot be resumed: its checkpoint failed: {error}"


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncGenerator[Checkpoints]:
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
    return ConfigurationError(
        f"checkpoints cannot be kept in {path}: {error}",
        hint="choose another file, or run without checkpoints",
    )
