"""The local model with a record of its calls, and with or without the schedule in front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from bench.retrieval.figures import Called, Rates
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelCard, ModelRequest, ModelResponse, StreamEvent
from lean_agent.models.local import LocalModel
from lean_agent.tool_spec import ToolSpec

__all__ = ["RecordedModel", "measured_rates"]

_WRITTEN = 48
_ROUNDS = 3


class RecordedModel:
    """``calls`` and their ``requests`` are by run. Without ``scheduled`` no request names its run:
    calls are served as they come, and the engine chooses their slots.
    """

    def __init__(self, model: LocalModel, *, scheduled: bool) -> None:
        self._model = model
        self._scheduled = scheduled
        self._zero = time.monotonic()
        self.calls: dict[str, list[Called]] = {}
        self.requests: dict[str, list[ModelRequest]] = {}

    def start(self) -> None:
        """Seconds count from now."""
        self._zero = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self._zero

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def card(self) -> ModelCard:
        return self._model.card

    def free_slots(self) -> int:
        return self._model.free_slots()

    async def generate(self, request: ModelRequest) -> ModelResponse:
        began = self.now()
        response = await self._model.generate(self._asked(request))
        self._note(request, response, began)
        return response

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        began = self.now()
        async with aclosing(self._model.stream(self._asked(request))) as events:
            async for event in events:
                if isinstance(event, Completed):
                    self._note(request, event.response, began)
                yield event

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return await self._model.count_tokens(messages, tools)

    async def aclose(self) -> None:
        await self._model.aclose()

    def _asked(self, request: ModelRequest) -> ModelRequest:
        return request if self._scheduled else replace(request, run=None)

    def _note(self, request: ModelRequest, response: ModelResponse, began: float) -> None:
        called = Called(
            began=began,
            ended=self.now(),
            input=response.usage.input_tokens,
            cached=response.usage.cache_read_input_tokens,
            output=response.usage.output_tokens,
            queue=response.timings.queue or 0.0,
        )
        run_id = request.run.run_id if request.run else ""
        self.calls.setdefault(run_id, []).append(called)
        self.requests.setdefault(run_id, []).append(request)


async def measured_rates(model: LocalModel, slots: int) -> Rates:
    """The engine's best of three rounds, as the bound is to be one: a long new prompt, an answer,
    and an answer from each slot at once.
    """

    async def answer(name: str) -> ModelResponse:
        text = f"{time.time_ns()} {name}. Write the numbers from 1 to 100 as words, with commas."
        return await model.generate(
            ModelRequest(messages=(Message("user", text),), max_output_tokens=_WRITTEN)
        )

    async def one_round() -> tuple[float, float, float]:
        words = " ".join(f"w{number}" for number in range(250))
        message = Message("user", f"{time.time_ns()} {words}")
        read = await model.generate(ModelRequest(messages=(message,), max_output_tokens=1))
        new = read.usage.input_tokens - read.usage.cache_read_input_tokens
        one = await answer("one")
        several = await asyncio.gather(*(answer(f"one of {slots}, {n}") for n in range(slots)))
        written = sum(response.usage.output_tokens for response in several)
        longest = max(response.timings.output or 0.0 for response in several)
        return (
            new / (read.timings.prompt or 0.0),
            written / longest,
            one.usage.output_tokens / (one.timings.output or 0.0),
        )

    await answer("to start the engine")
    rounds = [await one_round() for _ in range(_ROUNDS)]
    prompt, output, alone = (max(found) for found in zip(*rounds, strict=True))
    return Rates(prompt=prompt, output=output, alone=alone, slots=slots)
