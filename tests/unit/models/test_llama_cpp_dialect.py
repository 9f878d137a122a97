"""What servers of the llama.cpp dialect are sent and asked beyond OpenAI's API."""

from __future__ import annotations

import json
from dataclasses import replace

from support.fake_openai import FakeOpenAI, Reply

from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.tool_spec import ToolSpec

ASK = ModelRequest(messages=(Message("user", "2+2?"),))
SPEC = ToolSpec(
    name="add",
    description="Adds.",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}}},
)


async def test_what_is_not_to_be_begun_with_goes_to_servers_that_take_grammars_alone(
    server: FakeOpenAI,
) -> None:
    server.say(*[Reply()] * 4)
    request = ModelRequest(messages=ASK.messages, not_beginning="{")
    llama_cpp = OpenAICompatibleModel("local:test", base_url=server.url, dialect="llama_cpp")
    hosted = OpenAICompatibleModel("local:test", base_url=server.url)
    await llama_cpp.generate(request)
    await llama_cpp.generate(replace(request, grammar='root ::= "a"'))
    await llama_cpp.generate(replace(request, tools=(SPEC,)))
    await hosted.generate(request)
    sent = [chat.body.get("grammar") for chat in server.chats]
    assert sent == [
        r"root ::= [ \t\r\n]{0,8} [^ \t\r\n\U0000007B] [^\x00]*",
        'root ::= "a"',
        None,
        None,
    ]
    await llama_cpp.aclose()
    await hosted.aclose()


async def test_the_server_counts_for_llama_cpp_once_for_each_prompt(server: FakeOpenAI) -> None:
    model = OpenAICompatibleModel("local:test", base_url=server.url, dialect="llama_cpp")
    first = await model.count_tokens(ASK.messages, (SPEC,))
    assert await model.count_tokens(ASK.messages, (SPEC,)) == first
    assert [r.path for r in server.requests] == ["/apply-template", "/tokenize"]
    sent = server.requests[0].body
    assert first == -(-len(json.dumps(sent)) // 4)
    await model.aclose()


async def test_a_count_never_fails() -> None:
    with FakeOpenAI() as stopped:
        url = stopped.url
    model = OpenAICompatibleModel("local:test", base_url=url, dialect="llama_cpp")
    assert await model.count_tokens(ASK.messages, ()) > 4
    await model.aclose()
