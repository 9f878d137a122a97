"""A request that has enough closes the stream, and is charged for what was written until then."""

from __future__ import annotations

from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest, ModelResponse
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.response_cache import ResponseCache

ASK = ModelRequest(
    messages=(Message("user", "2+2?"),), temperature=0, enough=lambda text: text.count("word") >= 3
)


def piece(**more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}], **more}


def timed(number: int) -> dict[str, Any]:
    """llama.cpp's count, in each piece where it is asked for."""
    return piece(timings={"prompt_n": 7, "cache_n": 30, "predicted_n": number})


END: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


async def asked(
    server: FakeOpenAI, dialect: Any, chunks: list[dict[str, Any]], *, streamed: bool
) -> ModelResponse:
    server.say(Reply(chunks=chunks))
    name = "llama_cpp:test" if dialect == "llama_cpp" else "openai:test"
    model = OpenAICompatibleModel(name, base_url=server.url, api_key="k", dialect=dialect)
    try:
        if not streamed:
            return await model.generate(ASK)
        *_, last = [event async for event in model.stream(ASK)]
        assert isinstance(last, Completed)
        return last.response
    finally:
        await model.aclose()


@pytest.mark.parametrize("streamed", [True, False])
async def test_what_llama_cpp_counted_by_then_is_charged(
    server: FakeOpenAI, streamed: bool
) -> None:
    chunks = [timed(number) for number in range(1, 9)]
    response = await asked(server, "llama_cpp", [*chunks, END], streamed=streamed)
    assert (response.message.content, response.finish_reason) == ("word word word ", "early_stop")
    assert not response.usage_estimated
    usage = response.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (37, 30, 3)
    assert server.requests[-1].body["timings_per_token"] is True
    assert not ResponseCache.keeps(ASK, response), "half an answer stands for no other"


@pytest.mark.parametrize("streamed", [True, False])
async def test_else_it_is_estimated(server: FakeOpenAI, streamed: bool) -> None:
    response = await asked(server, "openai", [*[piece()] * 8, END], streamed=streamed)
    assert (response.message.content, response.finish_reason) == ("word word word ", "early_stop")
    assert response.usage_estimated
    assert response.usage.output_tokens == 5
    assert "timings_per_token" not in server.requests[-1].body


async def test_an_answer_that_ends_first_is_whole(server: FakeOpenAI) -> None:
    response = await asked(server, "openai", [*[piece()] * 2, END], streamed=True)
    assert (response.message.content, response.finish_reason) == ("word word ", "stop")
