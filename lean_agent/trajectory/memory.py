"""Episodic memory: what earlier runs were asked and said, shown to a run with a similar task.

It is found through an index of the episodes' folder (``lean_agent.retrieval``): by words, and with
an embedder by meaning, too.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lean_agent._paths import memory_dir
from lean_agent.context import RunContext
from lean_agent.embedder import Embedded, Embedder
from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.result import RunResult
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.fusion import reciprocal_rank_fusion
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.turns import in_turn
from lean_agent.retrieval.words import words
from lean_agent.trajectory.episodes import Episode, Episodes
from lean_agent.trajectory.estimating import text_tokens
from lean_agent.trajectory.scrubbing import Scrubber

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KEEP_DAYS", "TOKENS", "Memory"]

TOKENS: Final = 400
KEEP_DAYS: Final = 90
_MOST_SHOWN: Final = 3
_DEPTH: Final = 20
_SHARED: Final = 0.5
"""Of a task's words, the share that an episode must hold, too; so must the cosine be."""
_QUESTION_CHARS: Final = 500
_ANSWER_CHARS: Final = 500
_CALL_CHARS: Final = 100
_CALLS: Final = 4
_HEADING: Final = "From earlier runs, which may be wrong or out of date:"


@dataclass(frozen=True, slots=True)
class _AtRunsExpense:
    """The embedder, charged to a run."""

    embedder: Embedder
    ctx: RunContext

    @property
    def name(self) -> str:
        return self.embedder.name

    async def embed(self, texts: Sequence[str]) -> Embedded:
        return await self.ctx.embed(self.embedder, texts)

    async def aclose(self) -> None:
        """The memory's own to close."""


class Memory:
    """Remembers runs that used tools and came to an answer, and recalls those like a task.

    Args:
        folder: Where episodes and their index are; the user's own when None.
        embedder: Also finds episodes by meaning, at the expense of the run that asks.
        tokens: The most that a run reads of them, estimated from their bytes.
        keep_days: What was of no use for so long is forgotten; None forgets for want of room alone
            (1,000 episodes).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        embedder: Embedder | None = None,
        tokens: int = TOKENS,
        keep_days: float | None = KEEP_DAYS,
    ) -> None:
        root = folder or memory_dir()
        self.episodes: Episodes = Episodes(root / "episodes", keep_days=keep_days)
        self._index = root / "index"
        self._embedder = embedder
        self._tokens = tokens

    async def recalled(self, task: str, ctx: RunContext) -> str:
        """What a run reads of earlier ones before its task; "" where none is like it.

        Without room for a vector in the budget, or with an embedder that fails, words alone count.
        """
        index = await self._opened(ctx)
        if index is None:
            return ""
        vector = await self._vector(index, task, ctx)
        found = await in_turn(partial(self._like, index, task, vector))
        try:
            await asyncio.to_thread(self.episodes.used, [name for name, _ in found])
        except OSError as error:
            ctx.log(f"it is not noted that the memory was of use: {error}")
        return "\n\n".join([_HEADING, *(text for _, text in found)]) if found else ""

    def remember(self, task: str, result: RunResult) -> None:
        """Keep what came of a run, if it used tools and came to an answer; secrets are replaced.

        Raises:
            OSError: the disk refuses it.
        """
        if result.exit_status != "completed" or not result.output or not result.trajectory:
            return
        scrubbed = Scrubber(paths=False).text
        self.episodes.add(
            Episode(
                title=scrubbed(task)[:_QUESTION_CHARS],
                text=_told(result, scrubbed),
                run_id=result.run_id,
                remembered=time.time(),
            )
        )

    async def watch(self, run: Awaitable[RunResult], task: str) -> RunResult:
        """What the run gives, after it was remembered. A disk that refuses that ends no run."""
        result = await run
        try:
            await asyncio.to_thread(self.remember, task, result)
        except (OSError, ValueError) as error:
            notice = f"this run is not remembered: {error}"
            return replace(result, notices=(*result.notices, notice))
        return result

    def forget(self, ids: Collection[str]) -> int:
        """Remove episodes, and at once what an index holds of them; how many there were."""
        removed = self.episodes.forget(ids)
        if removed:
            shutil.rmtree(self._index, ignore_errors=True)  # the next run that asks builds it anew
        return removed

    async def _opened(self, ctx: RunContext) -> Index | None:
        """The index of what is remembered now; the one before where that cannot be made."""
        if not await asyncio.to_thread(lambda: any(self.episodes.folder.glob("*.json"))):
            return None
        embedder = None if self._embedder is None else _AtRunsExpense(self._embedder, ctx)
        try:
            try:
                await build_index(self.episodes.folder, self._index, embedder=embedder)
            except (LeanAgentError, OSError) as error:
                ctx.log(f"the memory is not up to date: {error}")
            return await in_turn(partial(Index.open, self._index))
        except ConfigurationError:
            return None

    async def _vector(self, index: Index, task: str, ctx: RunContext) -> NDArray[np.float32] | None:
        if self._embedder is None or index.manifest.embedder != self._embedder.name:
            return None
        try:
            return (await ctx.embed(self._embedder, [task])).vectors[0]
        except LeanAgentError as error:
            ctx.log(f"remembered by words alone: {error.message}")
            return None

    def _like(
        self, index: Index, task: str, vector: NDArray[np.float32] | None
    ) -> list[tuple[str, str]]:
        """(id, text) of the episodes that are like the task, the best first, as far as they fit."""
        asked = set(words(task))

        def shares(number: int) -> bool:
            held = asked.intersection(words(index.passage(number).searched))
            return len(held) >= _SHARED * len(asked)

        by_words = [number for number, _ in index.by_words(task, _DEPTH) if shares(number)]
        near = [] if vector is None else index.by_vector(vector, _DEPTH)
        by_meaning = [number for number, cosine in near if cosine >= _SHARED]
        left = self._tokens - text_tokens(_HEADING)
        found: list[tuple[str, str]] = []
        for number, _ in reciprocal_rank_fusion([by_words, by_meaning]):
            passage = index.passage(number)
            text = f"Question: {passage.title}\n{passage.text}"
            if len(found) < _MOST_SHOWN and text_tokens(text) <= left:
                found.append((Path(passage.source).stem, text))
                left -= text_tokens(text)
        return found


def _told(result: RunResult, scrubbed: Callable[[str], str]) -> str:
    """Scrubbed before it is cut: half of a secret is not known for one."""
    made = [step for step in result.trajectory if not step.is_error][:_CALLS]
    calls = [f"{s.tool} {json.dumps(dict(s.arguments), ensure_ascii=False)}" for s in made]
    did = "; ".join(scrubbed(call)[:_CALL_CHARS] for call in calls)
    by = f"By: {did}\n" if did else ""
    return f"{by}Answer: {scrubbed(str(result.output))[:_ANSWER_CHARS]}"
