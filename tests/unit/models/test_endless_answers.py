"""A server that never ends what it says: an error, in bounded memory, and another try may do."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from lean_agent.errors import ModelError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models import endless
from lean_agent.models.openai_compatible import OpenAICompatibleModel

ASK = ModelRequest(messages=(Message("user", "2+2?"),))
PIECE = b"a" * 2**16
EVENT = b'data: {"choices":[{"delta":{"content":"' + b"a" * 1_000 + b'"}}]}\n\n'
UNPACKS = zlib.compressobj(wbits=31)
PACKED = UNPACKS.compress(b"a" * 2**26) + UNPACKS.flush(zlib.Z_SYNC_FLUSH)


@dataclass(frozen=True)
class Endless:
    """``said`` once, and ``on`` until the client goes away."""

    on: bytes
    said: bytes = b""
    streamed: bool = True
    packed: bool = False

    def head(self) -> bytes:
        kind = "text/event-stream" if self.streamed else "application/json"
        packed = "content-encoding: gzip\r\n" if self.packed else ""
        return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{packed}\r\n".encode()


ENDLESS = {
    "one line of a stream": Endless(PIECE, b'data: {"choices":[{"delta":{"content":"'),
    "lines of one event": Endless(b"data: a line of many\n" * 1_000),
    "comments": Endless(b": still here\n" * 1_000),
    "events": Endless(EVENT * 50),
    "a packed stream": Endless(PACKED, packed=True),
    "a body": Endless(PIECE, b'{"choices":[{"message":{"content":"', streamed=False),
    "a packed body": Endless(PACKED, streamed=False, packed=True),
}


@asynccontextmanager
async def serving(endless_one: Endless) -> AsyncGenerator[tuple[OpenAICompatibleModel, list[int]]]:
    """A model at such a server, and how many bytes each connection took."""
    sent: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        sent.append(0)
        with contextlib.suppress(ConnectionError):
            writer.write(endless_one.head() + endless_one.said)
            while True:
                writer.write(endless_one.on)
                await writer.drain()
                await asyncio.sleep(0)
                sent[-1] += len(endless_one.on)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        model = OpenAICompatibleModel("fake:x", base_url=f"http://127.0.0.1:{port}/v1")
        yield model, sent
        await model.aclose()


async def ask(model: OpenAICompatibleModel, *, streamed: bool) -> None:
    if not streamed:
        await model.generate(ASK)
        return
    async for _event in model.stream(ASK):
        pass


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_without_an_end_is_an_error_that_may_pass(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endless, "_MAX_PIECE_BYTES", 2**20)
    monkeypatch.setattr(endless, "_MAX_STREAM_BYTES", 2**22)
    one = ENDLESS[name]
    async with serving(one) as (model, sent):
        with pytest.raises(ModelError, match="MiB came without an end") as caught:
            await ask(model, streamed=one.streamed)
        await model.aclose()
        assert caught.value.retryable
        assert "\n" not in caught.value.message
        assert caught.value.usage is not None, "the prompt may be charged"
        assert sent[0] < 2**24, "the connection was closed: the rest is in buffers"


async def test_a_stream_of_whole_events_may_be_longer_than_one_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endless, "_MAX_PIECE_BYTES", 2**16)
    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\n\n'
    done = EVENT * 200 + b": still here\n\n" * 1_000 + end
    async with serving(Endless(b"\n" * 2**16, done)) as (model, _sent):
        text = [event async for event in model.stream(ASK)]
    assert len(text) == 201


@pytest.mark.slow
async def test_memory_is_bounded() -> None:
    async with serving(ENDLESS["one line of a stream"]) as (model, _sent):
        tracemalloc.start()
        try:
            with pytest.raises(ModelError, match="32 MiB came without an end"):
                await ask(model, streamed=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 3 * endless._MAX_PIECE_BYTES  # pyright: ignore[reportPrivateUsage]
