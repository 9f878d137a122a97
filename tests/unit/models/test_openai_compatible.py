from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply, UsageShape

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import CallDelta, Completed, Model, ModelRequest, ModelResponse, TextDelta
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

ASK = ModelRequest(messages=(Message("user", "2+2?"),))
SPEC = ToolSpec(
    name="add",
    description="Adds.",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}}},
)


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncGenerator[OpenAICompatibleModel]:
    made = OpenAICompatibleModel("openai:test", base_url=server.url, api_key="sk-0123456789abcdef")
    yield made
    await made.aclose()


async def both_ways(model: Model, request: ModelRequest) -> list[ModelResponse]:
    streamed = [event async for event in model.stream(request)]
    last = streamed[-1]
    assert isinstance(last, Completed)
    text = "".join(event.text for event in streamed if isinstance(event, TextDelta))
    assert text == last.response.message.content
    return [await model.generate(request), last.response]


async def test_an_answer_comes_back_whole_and_streamed(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    reply = Reply(text="The answer is four.", headers={"x-request-id": "req-7"})
    server.say(reply, reply)
    for response in await both_ways(model, ASK):
        assert response.message == Message("assistant", "The answer is four.")
        assert response.finish_reason == "stop"
        assert response.model == "openai:test"
        assert response.request_id == "req-7"
        assert not response.usage_estimated
        assert response.usage.output_tokens == 5
        assert response.usage.cost is None
        assert response.timings.total > 0


async def test_only_what_the_request_says_is_sent(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    await model.generate(ASK)
    assert server.chats[0].body == {
        "model": "test",
        "messages": [{"role": "user", "content": "2+2?"}],
    }
    call = ToolCall("c1", "add", {"a": 1})
    request = ModelRequest(
        messages=(
            Message("system", "Be brief."),
            Message("assistant", "", (call,)),
            Message("tool", "2", tool_call_id="c1"),
        ),
        tools=(SPEC,),
        tool_choice="required",
        max_output_tokens=7,
        temperature=0.0,
        seed=3,
        stop=("END",),
        timeout=5,
        slot=1,
    )
    await model.generate(request)
    assert server.chats[1].body == {
        "model": "test",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1}'},
                    }
                ],
            },
            {"role": "tool", "content": "2", "tool_call_id": "c1"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "description": "Adds.",
                    "parameters": {
                        "type": "object",
                        "properties": {"a": {"type": "integer"}},
                    },
                },
            }
        ],
        "tool_choice": "required",
        "max_tokens": 7,
        "temperature": 0.0,
        "seed": 3,
        "stop": ["END"],
    }


async def test_a_schema_is_sent_strict_and_the_call_is_streamed(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    server.say(Reply(text="{}"))
    response = await model.generate(ModelRequest(messages=ASK.messages, response_schema=schema))
    assert response.message.content == "{}"
    body = server.chats[0].body
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "strict": True, "schema": schema},
    }
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


async def test_openai_itself_is_told_max_completion_tokens() -> None:
    model = OpenAICompatibleModel("openai:gpt-4o", api_key="sk-x")
    body = model._body(  # pyright: ignore[reportPrivateUsage] - its host cannot be asked
        ModelRequest(messages=ASK.messages, max_output_tokens=7), stream=False
    )
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


async def test_llama_cpp_takes_grammar_and_slot_and_reports_timings(server: FakeOpenAI) -> None:
    server.say(Reply(usage="llama_cpp", cached_tokens=6), Reply(usage="llama_cpp", cached_tokens=6))
    model = OpenAICompatibleModel("local:test", base_url=server.url, dialect="llama_cpp")
    request = ModelRequest(messages=ASK.messages, grammar='root ::= "a"', slot=1)
    for response in await both_ways(model, request):
        assert response.timings.prompt == 0.25
        assert response.timings.output == 0.5
        assert response.usage.cache_read_input_tokens == 6
    assert server.chats[0].body["grammar"] == 'root ::= "a"'
    assert server.chats[0].body["id_slot"] == 1
    assert model.card.grammar
    await model.aclose()


async def test_a_grammar_is_refused_where_no_server_takes_it(model: OpenAICompatibleModel) -> None:
    with pytest.raises(ConfigurationError, match="takes no grammar"):
        await model.generate(ModelRequest(messages=ASK.messages, grammar='root ::= "a"'))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("openai", {"read": 4, "reasoning": 10}),
        ("openrouter", {"read": 4, "reasoning": 10, "written": 8}),
        ("deepseek", {"read": 4}),
        ("xai", {"read": 4, "reasoning": 10}),
        ("llama_cpp", {"read": 4}),
    ],
)
async def test_every_shape_of_usage_is_understood(
    server: FakeOpenAI,
    model: OpenAICompatibleModel,
    shape: UsageShape,
    expected: dict[str, int],
) -> None:
    prompt = Message("user", "x" * 200)
    reply = Reply(text="12345678", usage=shape, cached_tokens=4, reasoning_tokens=10)
    server.say(reply, reply)
    for response in await both_ways(model, ModelRequest(messages=(prompt,))):
        assert response.usage == Usage(
            input_tokens=server.reported[0] // 2,
            output_tokens=12,
            cache_read_input_tokens=expected["read"],
            cache_creation_input_tokens=expected.get("written", 0),
            reasoning_output_tokens=expected.get("reasoning", 0),
            cost=None,
        )
        assert not response.usage_estimated


async def test_without_a_usage_it_is_estimated_and_says_so(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    reply = Reply(text="x" * 300, usage="none")
    server.say(reply, reply)
    for response in await both_ways(model, ASK):
        assert response.usage_estimated
        assert response.usage.provenance == {"estimated"}
        assert response.usage.output_tokens >= 75
        assert response.usage.input_tokens > 0


async def test_every_piece_of_a_stream_is_at_least_a_token(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="1234567890", piece_chars=1, usage="none"))
    *_, last = [event async for event in model.stream(ASK)]
    assert isinstance(last, Completed)
    assert last.response.usage.output_tokens == 10


async def test_reasoning_is_no_part_of_the_answer_but_is_paid(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    reply = Reply(text="4", reasoning="thinking " * 100, usage="none")
    server.say(reply, reply)
    for response in await both_ways(model, ASK):
        assert response.message.content == "4"
        assert response.usage.output_tokens >= 200


async def test_tool_calls_good_and_broken(server: FakeOpenAI, model: OpenAICompatibleModel) -> None:
    calls = (("add", '{"a": 1, "b": [2]}'), ("add", '{"a": '), ("stop", ""), ("add", "[1]"))
    reply = Reply(text="", tool_calls=calls, finish_reason="stop")
    server.say(reply, reply)
    for response in await both_ways(model, ModelRequest(messages=ASK.messages, tools=(SPEC,))):
        assert response.message.tool_calls == (
            ToolCall("call_0", "add", {"a": 1, "b": [2]}),
            ToolCall("call_2", "stop", {}),
        )
        assert response.malformed_tool_calls == (("add", '{"a": '), ("add", "[1]"))
        assert response.finish_reason == "tool_calls"


async def test_closing_a_stream_early_closes_the_connection(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="start", run_on="more words "))
    async with aclosing(model.stream(ASK)) as events:
        async for event in events:
            assert isinstance(event, TextDelta)
            break
    assert await asyncio.to_thread(server.gone.wait, 5)
    assert (await model.generate(ASK)).message.content == "ok"


async def test_cancelling_a_call_closes_the_connection_and_passes_through(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(fault="hang"))
    task = asyncio.create_task(model.generate(ASK))
    await asyncio.to_thread(server.asked.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await model.generate(ASK)).message.content == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("unit", [" ", "\n", '{"a": 0, "b": "the same"}, '])
@pytest.mark.parametrize("whole", [True, False])
async def test_output_that_runs_on_is_stopped(
    server: FakeOpenAI, model: OpenAICompatibleModel, unit: str, whole: bool
) -> None:
    server.say(Reply(text='{"list": [', run_on=unit))
    request = ModelRequest(messages=ASK.messages, response_schema={"type": "object"})
    if whole:
        response = await model.generate(request)
    else:
        *_, last = [event async for event in model.stream(request)]
        assert isinstance(last, Completed)
        response = last.response
    assert response.finish_reason == "aborted"
    assert response.message.content.startswith('{"list": [')
    assert response.usage_estimated
    assert response.usage.output_tokens >= 20
    assert await asyncio.to_thread(server.gone.wait, 5)


async def test_free_text_may_hold_any_amount_of_space(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="a" + " " * 500 + "b"))
    *_, last = [event async for event in model.stream(ASK)]
    assert isinstance(last, Completed)
    assert last.response.finish_reason == "stop"
    assert len(last.response.message.content) == 502


@pytest.mark.slow
def test_one_model_serves_several_loops_and_leaves_nothing_open(server: FakeOpenAI) -> None:
    """Unclosed sockets are ResourceWarnings, which pytest's settings make errors."""
    model = OpenAICompatibleModel("openai:test", base_url=server.url)

    async def ask() -> str:
        first, second = await asyncio.gather(model.generate(ASK), model.generate(ASK))
        async for _event in model.stream(ASK):
            break
        return first.message.content + second.message.content

    assert asyncio.run(ask()) == "okok"
    assert asyncio.run(ask()) == "okok"
    gc.collect()


async def test_a_closed_model_can_be_used_again(model: OpenAICompatibleModel) -> None:
    await model.generate(ASK)
    await model.aclose()
    await model.aclose()
    assert (await model.generate(ASK)).message.content == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("streamed", [False, True])
async def test_closing_waits_for_the_call_of_somebody_else(
    server: FakeOpenAI, model: OpenAICompatibleModel, *, streamed: bool
) -> None:
    server.say(Reply(text="late", delay=2))

    async def asked() -> str:
        if not streamed:
            return (await model.generate(ASK)).message.content
        events = [event async for event in model.stream(ASK)]
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    other = asyncio.create_task(asked())
    assert await asyncio.to_thread(server.asked.wait, 5)
    await asyncio.wait_for(model.aclose(), 5)  # another agent with this model ends
    assert not other.done()
    assert await other == "late"
    assert len(server.chats) == 1, "no call was lost and made again"


async def test_many_calls_at_once_share_one_client(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    responses = await asyncio.gather(*(model.generate(ASK) for _ in range(50)))
    assert {r.message.content for r in responses} == {"ok"}
    before = server.connections
    await asyncio.gather(*(model.generate(ASK) for _ in range(10)))
    assert server.connections == before, "connections are kept"


async def test_counting_a_small_prompt_is_quick(model: OpenAICompatibleModel) -> None:
    await model.count_tokens(ASK.messages, (SPEC,))
    started = time.perf_counter()
    for _ in range(200):
        await model.count_tokens(ASK.messages, (SPEC,))
    assert (time.perf_counter() - started) / 200 < 0.0001


async def test_what_was_paid_before_a_stream_broke_is_in_the_error(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="x" * 300, fault="cut"))
    with pytest.raises(ModelError) as caught:
        async for _event in model.stream(ASK):
            pass
    assert caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens >= 30
    assert caught.value.usage.provenance == {"estimated"}


async def test_a_native_call_is_told_as_it_is_written(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="", tool_calls=(("search", '{"query":"gallium"}'),)))
    told = [event.so_far async for event in model.stream(ASK) if isinstance(event, CallDelta)]
    assert told[-1] == '{"tool":"search","arguments":{"query":"gallium"}'
    assert len(told) > 1
    assert all(told[-1].startswith(text) for text in told)
