"""Searches begun before the model has written its call. Spec: retrieval ("Prefetch").

A call takes what was found for the same text, or for one whose vector has a cosine of 0.9 or more
with its own; what it did not take was for nothing, and a call that took none is a miss. Each is
one row of the ledger. At most three are
under way at once in a run, and none outlives it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lean_agent.context import RunContext
from lean_agent.embedder import Embedded, Embedder
from lean_agent.errors import LeanAgentError
from lean_agent.model import ActionFormat
from lean_agent.models.actions import unfinished_call
from lean_agent.runtime.embedding import MeteredEmbedding
from lean_agent.tool_spec import Prefetching, Tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Prefetches"]

_AT_ONCE = 3
_NEAR = 0.9
_WORDS = 3  # so many more make half a text worth another search


@dataclass(slots=True, kw_only=True)
class _Begun:
    """One search. ``ended`` is None while it is under way; ``awaited``: a call waits for it."""

    tool: str
    text: str
    step: int
    ts: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    ended: float | None = None
    vector: NDArray[np.float32] | None = None
    task: asyncio.Task[Any] | None = None
    awaited: bool = False
    taken: bool = False

    @property
    def error(self) -> BaseException | None:
        done = self.task is not None and self.task.done() and not self.task.cancelled()
        return self.task.exception() if done and self.task is not None else None


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call that could have been served ahead."""

    tool: str
    step: int
    ts: float = field(default_factory=time.time)
    served: bool = False


class Prefetches:
    """Those of one run."""

    def __init__(
        self, tools: Mapping[str, Tool], context: RunContext, embedding: MeteredEmbedding
    ) -> None:
        self._tools: dict[str, Prefetching] = {
            name: tool
            for name, tool in tools.items()
            # To ask for the one name first spares every run of other tools 50 microseconds.
            if getattr(tool, "prefetched", "")
            and isinstance(tool, Prefetching)
            and not tool.spec.side_effects
        }
        self._specs = {name: tools[name].spec for name in self._tools}
        self._context = context
        self._embedding = embedding
        self._begun: list[_Begun] = []
        self._calls: list[_Call] = []

    @property
    def wanted(self) -> bool:
        """Whether any tool of the run has it on."""
        return bool(self._tools)

    def begin(self, text: str) -> None:
        """Search for a text that a call is likely to ask for: the question, a part of a plan."""
        for name in self._tools:
            self._begin(name, text)

    def written(self, action_format: ActionFormat, text: str) -> None:
        """Search for what stands of a call in ``text``, an action that is still being written.

        Half a text only where texts are compared by meaning: by its words alone it is another one.
        """
        call = unfinished_call(text, action_format, tuple(self._specs.values()))
        asked = call and call.arguments.get(self._tools[call.name].prefetched)
        if call is None or not isinstance(asked, str):
            return
        if call.finished:
            self._begin(call.name, asked)
        elif any(b.tool == call.name and b.vector is not None for b in self._begun):
            words = asked.split()[:-1]  # the last may be half a word
            half = " ".join(words[: len(words) // _WORDS * _WORDS])
            self._begin(call.name, half, at_once=_AT_ONCE - 1)  # room is left for the whole

    def context_of(self, tool: str) -> RunContext:
        """The run's context, as a call of ``tool`` is handed it."""
        if tool not in self._tools:
            return self._context
        call = _Call(tool=tool, step=self._embedding.book.step)
        self._calls.append(call)
        return replace(self._context, prefetched=partial(self._take, call))

    async def close(self) -> None:
        """End what is under way and enter what became of each."""
        running = {begun.task for begun in self._begun if begun.task and not begun.task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for begun in self._begun:
            self._enter(begun)
        for call in self._calls:
            if not call.served:
                book = self._embedding.book
                book.prefetch(call.tool, call.step, began=call.ts, seconds=0.0, outcome="miss")
        self._begun.clear()
        self._calls.clear()

    def _begin(self, name: str, text: str, *, at_once: int = _AT_ONCE) -> None:
        same = _normal(text)
        under_way = sum(begun.ended is None for begun in self._begun)
        known = any(begun.tool == name and begun.text == same for begun in self._begun)
        if not same or known or under_way >= at_once:
            return
        begun = _Begun(tool=name, text=same, step=self._embedding.book.step)
        begun.task = asyncio.ensure_future(self._search(begun, text))
        self._begun.append(begun)

    async def _search(self, begun: _Begun, text: str) -> Any:
        tool = self._tools[begun.tool]

        async def embed(embedder: Embedder, texts: Sequence[str]) -> Embedded:
            made = await self._embedding.embed(embedder, texts, purpose="prefetch")
            begun.vector = made.vectors[0] if len(texts) == 1 else None
            return made

        def hurry() -> bool:
            return begun.awaited and self._context.model_is_free()

        context = replace(self._context, embed=embed, model_is_free=hurry)
        try:
            async with asyncio.timeout(self._specs[begun.tool].timeout):
                return await tool.prefetch({tool.prefetched: text}, context)
        finally:
            begun.ended = time.perf_counter()

    async def _take(self, call: _Call, text: str, vector: NDArray[np.float32] | None) -> Any:
        begun = self._fitting(call.tool, text, vector)
        if begun is None or begun.task is None:
            return None
        begun.awaited = True
        await asyncio.wait({begun.task})
        if begun.task.cancelled() or begun.error is not None:
            return None
        begun.taken = call.served = True
        return begun.task.result()

    def _fitting(self, tool: str, text: str, vector: NDArray[np.float32] | None) -> _Begun | None:
        candidates = [b for b in self._begun if b.tool == tool and b.error is None]
        same = _normal(text)
        if vector is None:
            return next((b for b in candidates if b.text == same), None)
        near = [(float(vector @ b.vector), b) for b in candidates if b.vector is not None]
        cosine, best = max(near, key=lambda pair: pair[0], default=(0.0, None))
        return best if cosine >= _NEAR else None

    def _enter(self, begun: _Begun) -> None:
        error = begun.error
        code = error.code if isinstance(error, LeanAgentError) else "unknown" if error else None
        ended = time.perf_counter() if begun.ended is None else begun.ended
        self._embedding.book.prefetch(
            begun.tool,
            begun.step,
            began=begun.ts,
            seconds=ended - begun.began,
            outcome="failed" if error else "hit" if begun.taken else "wasted",
            error_type=code,
        )


def _normal(text: str) -> str:
    """Case and blanks make no other text."""
    return " ".join(text.casefold().split())
