"""A running engine's client with the queue for its slots in front."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from lean_agent.errors import ModelTimeoutError
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest, ModelResponse, StreamEvent
from lean_agent.models.engine import EngineHandle
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.slot_queue import SlotQueue
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

__all__ = ["QueuedClient"]

_queues: WeakValueDictionary[str, SlotQueue] = WeakValueDictionary()
_guard = threading.Lock()


def _queue(handle: EngineHandle) -> SlotQueue:
    """This process's only queue for that engine."""
    with _guard:
        return _queues.setdefault(f"{handle.pid} {handle.base_url}", SlotQueue(handle.slots))


class QueuedClient:
    """Calls wait here for a slot, the one of highest priority first, and are then sent.

    Other processes have queues of their own: their calls meet ours in the engine, which serves
    whoever comes first; calls are pinned to slots only while no other process uses it.

    A request's ``timeout`` counts from the call, the wait included, as ``Timings.total`` does.
    """

    def __init__(self, client: OpenAICompatibleModel, handle: EngineHandle) -> None:
        self._client = client
        self._handle = handle
        self._queue = _queue(handle)

    def free_slots(self) -> int:
        return self._queue.free()

    async def generate(self, request: ModelRequest) -> ModelResponse:
        async with self._in_slot(request) as (sent, waited):
            return _since_call(await self._client.generate(sent), waited)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        async with (
            self._in_slot(request) as (sent, waited),
            aclosing(self._client.stream(sent)) as events,
        ):
            async for event in events:
                if isinstance(event, Completed):
                    event = Completed(_since_call(event.response, waited))
                yield event

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return await self._client.count_tokens(messages, tools)

    async def aclose(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _in_slot(self, request: ModelRequest) -> AsyncGenerator[tuple[ModelRequest, float]]:
        """The request as it is to be sent now, and the seconds that it has waited.

        Raises:
            ModelTimeoutError: the time was over before it could be sent; nothing was used.
        """
        started = time.perf_counter()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(request.timeout):
                    slot = await stack.enter_async_context(
                        self._queue.slot(request, alone=self._handle.alone)
                    )
            except TimeoutError:
                raise ModelTimeoutError(
                    f"{self._client.name} had no free slot in time",
                    hint="raise the timeout, or let fewer runs go on at once",
                    usage=Usage(),
                    model=self._client.name,
                    retryable=True,
                ) from None
            except asyncio.CancelledError as error:
                # Nothing was sent: whoever charges the call finds that on the exception.
                setattr(error, "usage", Usage())  # noqa: B010 - it has no such field
                raise
            waited = time.perf_counter() - started
            left = None if request.timeout is None else max(0.0, request.timeout - waited)
            yield replace(request, slot=slot, timeout=left), waited


def _since_call(response: ModelResponse, waited: float) -> ModelResponse:
    timings = replace(response.timings, total=response.timings.total + waited)
    return replace(response, timings=timings)
