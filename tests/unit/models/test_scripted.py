from __future__ import annotations

import asyncio

import pytest

from lean_agent.errors import ModelError, RateLimitError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import Completed, Model, ModelRequest, ModelResponse, TextDelta
from lean_agent.models.scripted import ScriptedModel
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

ASK = ModelRequest(messages=(Message("user", "12345678"),))
SPEC = ToolSpec(name="add", description="Adds.", parameters={"type": "object"})


async def test_responses_come_in_order_and_requests_are_kept() -> None:
    call = Message("assistant", "", (ToolCall("c1", "add", {"a": 1}),))
    whole = ModelResponse(
        message=Message("assistant", "whole"), usage=Usage(), finish_reason="length", model="x:y"
    )
    model = ScriptedModel(["text", call, whole, lambda request: request.messages[0].content * 2])
    assert isinstance(model, Model)
    assert (await model.generate(ASK)).message == Message("assistant", "text")
    second = await model.generate(ASK)
    assert (second.message, second.finish_reason) == (call, "tool_calls")
    assert await model.generate(ASK) is whole
    assert (await model.generate(ASK)).message.content == "1234567812345678"
    assert model.requests == [ASK] * 4


async def test_usage_is_four_characters_a_token_and_the_count_is_the_charge() -> None:
    model = ScriptedModel(["12345", "x"])
    usage = (await model.generate(ASK)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cost) == (2, 2, None)
    request = ModelRequest(messages=ASK.messages, tools=(SPEC,))
    charged = (await model.generate(request)).usage.input_tokens
    assert charged == await model.count_tokens(request.messages, request.tools) > 2


async def test_errors_are_raised_where_they_stand() -> None:
    model = ScriptedModel([RateLimitError("slow down", retryable=True), "ok"])
    with pytest.raises(RateLimitError):
        await model.generate(ASK)
    assert (await model.generate(ASK)).message.content == "ok"


async def test_a_script_that_is_used_up_says_so() -> None:
    model = ScriptedModel(["only"])
    await model.generate(ASK)
    with pytest.raises(ModelError, match="has 1 responses; this is call 2"):
        await model.generate(ASK)


async def test_a_callable_may_be_asynchronous_and_may_choose_an_error() -> None:
    async def slow(request: ModelRequest) -> str:
        await asyncio.sleep(0)
        return str(len(request.messages))

    model = ScriptedModel([slow, lambda _request: ModelError("no")])
    assert (await model.generate(ASK)).message.content == "1"
    with pytest.raises(ModelError, match="no"):
        await model.generate(ASK)


async def test_a_stream_comes_in_pieces() -> None:
    text = "A sentence that is longer than one piece."
    events = [event async for event in ScriptedModel([text]).stream(ASK)]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 2
    assert "".join(pieces) == text
    last = events[-1]
    assert isinstance(last, Completed)
    assert last.response.message.content == text


async def test_calls_at_once_each_get_their_own() -> None:
    model = ScriptedModel([str(i) for i in range(20)])
    answers = await asyncio.gather(*(model.generate(ASK) for _ in range(20)))
    assert sorted(int(a.message.content) for a in answers) == list(range(20))
