"""Checkpoints of runs, each kept before the next node begins.

A run is kept until it is complete: it holds prompts, and there is nothing left to resume. Where it
is kept is a SQLite file or a Postgres database, a file each beside this one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from langgraph.checkpoint.base import BaseCheckpointSaver

from lean_agent._redact import redact
from lean_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

__all__ = ["Checkpoints", "DiskFailedError", "open_checkpoints"]


class DiskFailedError(ConfigurationError):
    """The file is the right one, but its disk is full or failing."""


class Checkpoints(BaseCheckpointSaver[str]):
    """What both savers do; a store that fails in the middle costs the resuming, never the answer.

    ``kept`` says whether there is any state to go on from, ``newest`` which it is, and ``failure``
    why what came after it is not kept. ``trouble`` are the errors of the store.
    """

    trouble: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    kept = False
    failure = ""
    newest: RunnableConfig | None = None

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        # What a put that failed did not bring: a store may keep what has changed alone.
        versions = checkpoint["channel_versions"] if self.failure else new_versions
        try:
            if self.failure:
                await self.mend()
            kept = await super().aput(config, checkpoint, metadata, versions)
        except self.trouble as error:
            self.failure = f"a checkpoint could not be kept ({redact(str(error).strip())})"
            where = {**config.get("configurable", {}), "checkpoint_id": checkpoint["id"]}
            return {"configurable": where}
        # A checkpoint is the whole state: those that were lost before do not matter.
        self.kept, self.failure, self.newest = True, "", kept
        return kept

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        # They only spare a node that ended just before a kill; the next checkpoint has them.
        with contextlib.suppress(*self.trouble):
            await super().aput_writes(config, writes, task_id, task_path)

    async def mend(self) -> None:
        """Before the next try after a failure."""

    async def keep_beside(self, writes: Sequence[tuple[str, Any]], name: str) -> bool:
        """Keep ``writes`` beside the newest checkpoint; False where there is none, or it failed."""
        if self.newest is None or self.failure:
            return False
        try:
            await super().aput_writes(self.newest, writes, name)
        except self.trouble:
            return False
        return True

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
        except self.trouble as error:
            why = redact(str(error).strip())
            return [f"the checkpoints of this run could not be deleted: {why}"]
        return []


@asynccontextmanager
async def open_checkpoints(place: Path | str) -> AsyncGenerator[Checkpoints]:
    """Open or make the file at a path, or the tables of the database at a URL.

    Raises:
        DiskFailedError: its disk is full or failing.
        ConfigurationError: the file cannot be opened as a database, or the database not at all.
    """
    if isinstance(place, Path):
        from lean_agent.runtime.sqlite_checkpoints import open_sqlite as opened
    else:
        from lean_agent.runtime.postgres_checkpoints import open_postgres as opened
    async with opened(place) as saver:  # pyright: ignore[reportArgumentType] - the branch above
        yield saver
