"""A call that is cut off is paid for: what had come is counted, whatever kind of output it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.errors import ModelError, ModelTimeoutError
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.tokens import estimate_usage
from lean_agent.usage import Usage

ASK = ModelRequest(messages=(Message("user", "2+2?"),), timeout=0.3)
PROMPT = estimate_usage(ASK, "").input_tokens
WORDS = "thirty-three characters of words. "


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncGenerator[OpenAICompatibleModel]:
    made = OpenAICompatibleModel("openai:test", base_url=server.url, api_key="k")
    yield made
    await made.aclose()


def delta(**parts: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": parts, "finish_reason": None}]}


def call(**function: str) -> dict[str, Any]:
    return delta(tool_calls=[{"index": 0, "id": "c1", "function": function}])


def counted(chunk: dict[str, Any], prompt: int, output: int) -> dict[str, Any]:
    return chunk | {"usage": {"prompt_tokens": prompt, "completion_tokens": output}}


async def stream(model: OpenAICompatibleModel, request: ModelRequest = ASK) -> None:
    async for _event in model.stream(request):
        pass


def estimated(usage: Usage | None) -> int:
    """The output tokens of an estimate that has the prompt too."""
    assert usage is not None
    assert usage.cost is None
    assert usage.provenance == {"estimated"}
    assert usage.input_tokens == PROMPT > 0
    return usage.output_tokens


async def test_before_the_first_byte_the_prompt_is_paid(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(fault="hang"))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model)
    assert estimated(caught.value.usage) == 0


KINDS = {
    "text": [delta(content=WORDS)] * 10,
    "reasoning": [delta(reasoning_content=WORDS)] * 10,
    "reasoning by its other name": [delta(reasoning=WORDS)] * 10,
    "arguments": [call(name="search", arguments=""), *[call(arguments=WORDS)] * 10],
    "a call as a whole": [
        delta(tool_calls=[{"function": {"name": "search", "arguments": {"q": WORDS * 10}}}])
    ],
    "refusal": [delta(refusal=WORDS)] * 10,
    "several": [*[delta(reasoning_content=WORDS)] * 4, *[delta(content=WORDS)] * 6],
}
BYTES = len(WORDS) * 10


@pytest.mark.parametrize("kind", KINDS)
async def test_output_of_every_kind_is_counted(
    server: FakeOpenAI, model: OpenAICompatibleModel, kind: str
) -> None:
    chunks = KINDS[kind]
    server.say(Reply(chunks=[*chunks, *[delta()] * len(chunks)], fault="no_end"))
    with pytest.raises(ModelError, match="broke off") as caught:
        await stream(model)
    assert BYTES / 4 < estimated(caught.value.usage) < BYTES / 2


async def test_output_up_to_the_deadline_is_counted(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(chunks=KINDS["several"], fault="stall"))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model)
    assert BYTES / 4 < estimated(caught.value.usage) < BYTES / 2


@pytest.mark.slow
async def test_what_the_server_counted_is_taken_and_only_the_rest_estimated(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    chunks = [counted(delta(content=WORDS * 10), 38, number) for number in (5, 9)]
    server.say(Reply(chunks=chunks, fault="stall"))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model)
    assert caught.value.usage == Usage(input_tokens=38, output_tokens=9, cost=None)

    server.say(Reply(chunks=[*chunks, call(name="", arguments="x" * 30)], fault="stall"))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model)
    assert caught.value.usage == Usage(
        input_tokens=38, output_tokens=9 + 10, cost=None, provenance=frozenset({"estimated"})
    )


async def test_a_placeholder_of_zeros_is_no_count(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(chunks=[counted(delta(content="x" * 30), 0, 0)], fault="stall"))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model)
    assert estimated(caught.value.usage) == 10


async def test_a_count_that_came_too_early_is_no_measure_of_the_whole(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    """A server that counts the prompt first, and the answer never."""
    end = {"choices": [{"index": 0, "finish_reason": "stop"}]}
    server.say(Reply(chunks=[counted(delta(), 38, 0), delta(content="x" * 30), end]))
    *_, last = [event async for event in model.stream(ASK)]
    assert isinstance(last, Completed)
    assert last.response.usage_estimated
    assert (last.response.usage.input_tokens, last.response.usage.output_tokens) == (38, 10)


@pytest.mark.parametrize("guarded", [True, False])
async def test_whoever_cancels_finds_what_had_come(
    server: FakeOpenAI, model: OpenAICompatibleModel, guarded: bool
) -> None:
    server.say(Reply(chunks=[delta(reasoning_content="x" * 30)], fault="stall"))
    schema = {"type": "object"} if guarded else None
    request = ModelRequest(messages=ASK.messages, response_schema=schema)

    async def ask() -> None:
        await (model.generate(request) if guarded else stream(model, request))

    async def charge() -> Usage | None:
        try:
            await ask()
        except asyncio.CancelledError as error:
            return getattr(error, "usage", None)
        return None

    task = asyncio.create_task(charge())
    await asyncio.to_thread(server.asked.wait, 5)
    await asyncio.sleep(0.2)
    task.cancel()
    usage = await task
    assert usage is not None
    assert usage.output_tokens == 10
    assert usage.input_tokens >= PROMPT


async def test_a_schema_is_part_of_the_estimate() -> None:
    schema = {"type": "object", "description": "x" * 300}
    with_schema = ModelRequest(messages=ASK.messages, response_schema=schema)
    assert estimate_usage(with_schema, "").input_tokens > PROMPT + 100
