"""Checkpoints of runs, each kept before the next node begins.

A run is kept until it is complete: it holds prompts, and there is nothing left to resume. Where it
is kept is a SQLite file or a Postgres database, a file each beside this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from langgraph.checkpoint.base import BaseCheckpointSaver

from lean_agent._redact import redact
from lean_agent.errors import ConfigurationError, RunGoingOnError
from lean_agent.runtime.resuming import no_such_run

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

__all__ = ["Checkpoints", "DiskFailedError", "kept_by_one", "open_checkpoints"]

_CLAIM_SECONDS: Final = 2.0
_CLAIM_PAUSE: Final = 0.05


class DiskFailedError(ConfigurationError):
    """The file is the right one, but its disk is full or failing."""


class Checkpoints(BaseCheckpointSaver[str]):
    """What both savers do; a store that fails in the middle costs the resuming, never the answer.

    ``kept`` says whether there is any state to go on from, ``newest`` which it is, and ``failure``
    why what came after it is not kept. ``trouble`` are the errors of the store.
    """

    trouble: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    kept: bool = False
    failure: str = ""
    newest: RunnableConfig | None = None

    async def claim(self, run_id: str) -> None:
        """From now on nobody else goes on with the run, until this is closed or its process gone.

        Raises:
            RunGoingOnError: somebody else does.
            ConfigurationError: the store cannot be used.
        """
        try:
            await self.wait_for(run_id)
        except self.trouble as error:
            raise self.unusable(error) from None

    async def wait_for(self, run_id: str) -> None:
        """Take the run. It may take a moment until one who was just stopped or killed has let go.

        Raises:
            RunGoingOnError: nobody has.
            Exception: one of ``trouble``.
        """
        ends = time.monotonic() + _CLAIM_SECONDS
        while not await self.take(run_id):
            if time.monotonic() > ends:
                raise RunGoingOnError(
                    f"the run {run_id} is going on already",
                    hint="wait until it has ended, or end it",
                )
            await asyncio.sleep(_CLAIM_PAUSE)

    async def take(self, run_id: str) -> bool:
        """Whether the run was nobody's, and is this one's now."""
        raise NotImplementedError

    def unusable(self, error: Exception) -> ConfigurationError:
        """What is raised where the store cannot be used, by reason of an ``error``."""
        raise NotImplementedError

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
        """Before the next try after a failure.

        Raises:
            RunGoingOnError: somebody else goes on with the run by now.
        """

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


@asynccontextmanager
async def kept_by_one(
    place: Path | str, run_id: str, *, resumed: bool
) -> AsyncGenerator[tuple[Checkpoints | None, list[str]]]:
    """Where one part of a run is kept, the run being this part's alone, and what to tell the user.

    A disk that is full or failing costs a run that begins only its resuming: None, and told.

    Raises:
        RunGoingOnError: somebody else goes on with it.
        ConfigurationError: the place cannot be used, or the run to resume is not there.
    """
    # Opening makes the file; asking for a run must not.
    if resumed and isinstance(place, Path) and not await asyncio.to_thread(place.exists):
        raise no_such_run(run_id)
    async with AsyncExitStack() as stack:
        saver: Checkpoints | None = None
        told: list[str] = []
        try:
            opened = await stack.enter_async_context(open_checkpoints(place))
            await opened.claim(run_id)
            saver = opened
        except DiskFailedError as error:
            if resumed:
                raise
            told.append(f"this run cannot be resumed: {error.message}")
        yield saver, told
