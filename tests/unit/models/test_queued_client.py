"""Calls in front of the engine's slots: what they wait, what they are charged, who hears of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterator

import pytest
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.errors import ModelTimeoutError
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest, RunProgress
from lean_agent.models.engine import EngineHandle
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.queued_client import QueuedClient
from lean_agent.usage import Usage

SLOW = 0.5


def ask(run_id: str = "a", *, timeout: float | None = None) -> ModelRequest:
    run = RunProgress(run_id=run_id, retrievals=0, began=0.0)
    return ModelRequest(messages=(Message("user", "2+2?"),), timeout=timeout, run=run)


Desk = tuple[socket.socket, Callable[[], EngineHandle]]


@pytest.fixture
def desk(server: FakeOpenAI) -> Iterator[Desk]:
    """The engine's end of the lease, and what takes handles of the other."""
    engine, user = socket.socketpair()
    told = {"url": server.url.removesuffix("/v1"), "key": "k" * 20, "slots": 1}
    told |= {"context_tokens": 100, "pid": 1, "processes": 1}
    with engine, user:
        yield engine, lambda: EngineHandle("test", user.dup(), None, told)


@pytest.fixture
async def client(
    desk: Desk,
) -> AsyncGenerator[QueuedClient]:
    handle = desk[1]()
    made = QueuedClient(
        OpenAICompatibleModel(
            "local:test", base_url=handle.base_url, api_key=handle.api_key, dialect="llama_cpp"
        ),
        handle,
    )
    yield made
    await made.aclose()
    await handle.close()


@pytest.mark.slow
async def test_the_wait_counts_as_queueing(server: FakeOpenAI, client: QueuedClient) -> None:
    server.say(*[Reply(delay=SLOW, usage="llama_cpp")] * 3)
    started = time.perf_counter()
    first, second = await asyncio.gather(client.generate(ask()), client.generate(ask("b")))
    assert time.perf_counter() - started >= 2 * SLOW
    assert second.timings.total >= first.timings.total + 0.9 * SLOW
    assert second.timings.queue is not None
    streaming = client.generate(ask()), _streamed(client, ask("b"))
    _, (*_, last) = await asyncio.gather(*streaming)
    assert isinstance(last, Completed)
    assert last.response.timings.total >= SLOW


async def _streamed(client: QueuedClient, request: ModelRequest) -> list[object]:
    return [event async for event in client.stream(request)]


@pytest.mark.slow
async def test_a_timeout_counts_from_the_call_and_costs_nothing_in_the_queue(
    server: FakeOpenAI, client: QueuedClient
) -> None:
    server.say(Reply(delay=SLOW))
    running = asyncio.create_task(client.generate(ask()))
    await asyncio.sleep(0)
    started = time.perf_counter()
    with pytest.raises(ModelTimeoutError, match="no free slot") as caught:
        await client.generate(ask("b", timeout=SLOW / 5))
    assert time.perf_counter() - started < SLOW * 0.8
    assert caught.value.usage == Usage()
    assert caught.value.retryable
    await running
    assert len(server.chats) == 1


@pytest.mark.slow
async def test_what_the_wait_took_is_no_longer_there_for_the_answer(
    server: FakeOpenAI, client: QueuedClient
) -> None:
    server.say(Reply(delay=SLOW), Reply(fault="hang"))
    running = asyncio.create_task(client.generate(ask()))
    await asyncio.sleep(0)
    started = time.perf_counter()
    with pytest.raises(ModelTimeoutError, match="did not answer in time"):
        await client.generate(ask("b", timeout=1.5 * SLOW))
    assert 1.4 * SLOW < time.perf_counter() - started < 2.4 * SLOW
    await running


@pytest.mark.slow
async def test_a_call_that_is_cancelled_in_the_queue_has_used_nothing(
    server: FakeOpenAI, client: QueuedClient
) -> None:
    server.say(Reply(delay=SLOW))
    running = asyncio.create_task(client.generate(ask()))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(client.generate(ask("b")))
    await asyncio.sleep(0.1)
    assert client.free_slots() == 0
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await waiting
    assert getattr(caught.value, "usage", None) == Usage()
    await running
    assert len(server.chats) == 1
    assert client.free_slots() == 1


async def test_a_stream_closed_early_gives_its_slot_back(
    server: FakeOpenAI, client: QueuedClient
) -> None:
    server.say(Reply(text="word " * 50, piece_delay=0.05))
    stream = client.stream(ask())
    await anext(stream)
    assert client.free_slots() == 0
    await stream.aclose()
    assert client.free_slots() == 1


async def test_calls_are_pinned_while_no_other_process_uses_the_engine(
    server: FakeOpenAI,
    client: QueuedClient,
    desk: Desk,
) -> None:
    engine, _ = desk
    await client.generate(ask())
    engine.sendall(b'{"processes": 2}\n')
    await client.generate(ask())
    engine.sendall(b'{"processes": 3}\n{"proc')
    await client.generate(ask())
    engine.sendall(b'esses": 1}\n')
    await client.generate(ask())
    assert [chat.body.get("id_slot") for chat in server.chats] == [0, None, None, 0]


@pytest.mark.slow
async def test_all_clients_of_an_engine_in_this_process_share_its_slots(
    server: FakeOpenAI,
    client: QueuedClient,
    desk: Desk,
) -> None:
    other_handle = desk[1]()
    other = QueuedClient(
        OpenAICompatibleModel("local:test", base_url=other_handle.base_url, dialect="llama_cpp"),
        other_handle,
    )
    server.say(Reply(delay=SLOW))
    running = asyncio.create_task(client.generate(ask()))
    await asyncio.sleep(0)
    assert other.free_slots() == 0
    response = await other.generate(ask("b"))
    assert response.timings.total >= 0.9 * SLOW
    await running
    await other.aclose()
    await other_handle.close()


async def test_an_engine_that_has_said_something_before_its_end_has_ended(desk: Desk) -> None:
    engine, handle_of = desk
    handle = handle_of()
    assert handle.alive()
    assert handle.alone()
    engine.sendall(b'{"processes": 2}\n')
    engine.close()
    assert not handle.alive()
    assert not handle.alone()
    await handle.close()
