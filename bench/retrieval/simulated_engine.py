"""A simulated inference engine behind the real ``Model`` Protocol and the real ``SlotQueue``.

It writes no language: what it gives are times and token counts. A step takes in up to ``chunk``
prompt tokens and writes one token for each sequence that is past its prompt, as continuous batching
in llama.cpp does. Its time is the longer of two: reading the weights, which is the same for one
sequence as for several but for ``growth``, and computing, by the token. Slots keep the prompt
they served last; with ``host_cache`` those pushed out are kept too, without limit and at no cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from lean_agent.messages import Message
from lean_agent.model import (
    Completed,
    ModelCard,
    ModelRequest,
    ModelResponse,
    StreamEvent,
    TextDelta,
    Timings,
)
from lean_agent.models.slot_queue import SlotQueue
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

__all__ = ["Hardware", "SimulatedEngine", "text_of", "tokens_of"]

_CHARACTERS = 4
_SIMILAR = 0.5
"""From which share of the prompt on our engine takes the slot that has most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """``prompt_rate`` in tokens a second; ``step`` in seconds is one decoding step of one sequence,
    each further sequence adds ``growth`` of that.
    """

    name: str
    slots: int
    prompt_rate: float
    step: float
    growth: float
    chunk: int = 512
    host_cache: bool = True

    def seconds(self, decoding: int, prompt_tokens: int) -> float:
        """What a step takes."""
        reading = self.step * (1 + self.growth * max(0, decoding - 1))
        if not prompt_tokens:
            return reading
        return max(reading if decoding else 0.0, (prompt_tokens + decoding) / self.prompt_rate)


@dataclass(slots=True, eq=False)
class _Slot:
    messages: tuple[Message, ...] = ()
    used: float = -1.0
    busy: bool = False


@dataclass(slots=True, eq=False)
class _Job:
    prompt_left: int
    output_left: int
    progress: asyncio.Queue[None] = field(default_factory=asyncio.Queue[None])
    prompt_done: float = 0.0


def text_of(tokens: int, name: str) -> str:
    """A text of so many tokens that differs from those of other names."""
    return name.ljust(tokens * _CHARACTERS, ".")[: tokens * _CHARACTERS]


def tokens_of(messages: Sequence[Message]) -> int:
    return sum(-(-len(message.content) // _CHARACTERS) for message in messages)


def _common(one: Sequence[Message], other: Sequence[Message]) -> int:
    """Tokens of the messages that both begin with."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return tokens_of(one[:shared])


class SimulatedEngine:
    """``max_output_tokens`` is what an answer has. Without ``scheduled`` calls are served as they
    come and the engine chooses the slot. ``busy`` is how many seconds it has worked.
    """

    name = "simulated:engine"

    def __init__(self, hardware: Hardware, *, scheduled: bool) -> None:
        self._hardware = hardware
        self._scheduled = scheduled
        self._loop = asyncio.get_running_loop()
        self._queue = SlotQueue(hardware.slots, clock=self._loop.time)
        self._slots = [_Slot() for _ in range(hardware.slots)]
        self._host: list[tuple[Message, ...]] = []
        self._jobs: list[_Job] = []
        self._worker: asyncio.Task[None] | None = None
        self._answers = 0
        self.busy = 0.0

    @property
    def card(self) -> ModelCard:
        return ModelCard(self_hosted=True)

    def free_slots(self) -> int:
        return self._queue.free()

    async def generate(self, request: ModelRequest) -> ModelResponse:
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    return event.response
        raise AssertionError("a stream ends with its answer")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """One piece a token."""
        came = self._loop.time()
        asked = request if self._scheduled else replace(request, run=None)
        async with self._queue.slot(asked) as pinned:
            slot = self._similar(request.messages) if pinned is None else self._slots[pinned]
            began = self._loop.time()
            prompt = tokens_of(request.messages)
            cached = min(self._cached(slot, request.messages), prompt - 1)
            output = request.max_output_tokens or 1
            job = _Job(prompt - cached, output)
            slot.busy = True
            self._jobs.append(job)
            if self._worker is None or self._worker.done():
                self._worker = asyncio.ensure_future(self._work())
            try:
                for _ in range(output):
                    await job.progress.get()
                    yield TextDelta("." * _CHARACTERS)
            finally:
                slot.busy = False
                if job in self._jobs:
                    self._jobs.remove(job)
            ended = self._loop.time()
            self._answers += 1
            answer = Message("assistant", text_of(output, f"answer {self._answers}"))
            slot.messages, slot.used = (*request.messages, answer), ended
            yield Completed(
                ModelResponse(
                    message=answer,
                    usage=Usage(
                        input_tokens=prompt, output_tokens=output, cache_read_input_tokens=cached
                    ),
                    finish_reason="stop",
                    model=self.name,
                    timings=Timings(
                        total=ended - came,
                        prompt=job.prompt_done - began,
                        output=ended - job.prompt_done,
                    ),
                )
            )

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return tokens_of(messages)

    async def aclose(self) -> None:
        """It holds nothing."""

    def _similar(self, messages: Sequence[Message]) -> _Slot:
        """The idle slot that llama.cpp takes: the most of the prompt, else the longest unused."""
        idle = [slot for slot in self._slots if not slot.busy]
        best = max(idle, key=lambda slot: _common(slot.messages, messages))
        if _common(best.messages, messages) > _SIMILAR * tokens_of(messages):
            return best
        return min(idle, key=lambda slot: slot.used)

    def _cached(self, slot: _Slot, messages: tuple[Message, ...]) -> int:
        here = _common(slot.messages, messages)
        if not self._hardware.host_cache:
            return here
        if slot.messages and here < tokens_of(slot.messages):
            self._host.append(slot.messages)
        return max([here, *(_common(kept, messages) for kept in self._host)])

    async def _work(self) -> None:
        while self._jobs:
            jobs = list(self._jobs)
            decoding = [job for job in jobs if not job.prompt_left]
            room = self._hardware.chunk
            taken: list[tuple[_Job, int]] = []
            for job in jobs:
                if job.prompt_left and room:
                    taken.append((job, min(room, job.prompt_left)))
                    room -= taken[-1][1]
            seconds = self._hardware.seconds(len(decoding), self._hardware.chunk - room)
            await asyncio.sleep(seconds)
            self.busy += seconds
            for job, tokens in taken:
                job.prompt_left -= tokens
                if not job.prompt_left:
                    job.prompt_done = self._loop.time()
                    decoding.append(job)
            for job in decoding:
                job.output_left -= 1
                job.progress.put_nowait(None)
                if not job.output_left and job in self._jobs:
                    self._jobs.remove(job)
