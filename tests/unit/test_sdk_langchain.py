"""LangChain's own tools and chat models, as this package's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import (
    FakeListChatModel,
    FakeMessagesListChatModel,
)
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool, ToolException
from langchain_core.tools import tool as langchain_tool
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import ANSWER, SCHEMA

from lean_agent import (
    Agent,
    Budget,
    ConfigurationError,
    Ledger,
    Message,
    ModelRequest,
    RunContext,
    ToolError,
)
from lean_agent.errors import (
    ContextLengthError,
    LeanAgentError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
)
from lean_agent.integrations.langchain import LangChainModel, from_langchain_tool
from lean_agent.model import Completed, TextDelta
from lean_agent.models.scripted import ScriptedModel
from lean_agent.testing import check_tool


@langchain_tool
def stock(part: str, at: str = "here") -> str:
    """Say how many pieces of a part there are.

    Args:
        part: Its name.
        at: Which shop.
    """
    return f"{len(part)} of {part} {at}"


def refusing(part: str) -> str:
    """Refuse."""
    raise ToolException(f"no {part} today")


def _part(part: str) -> dict[str, str]:
    return {"part": part}


BY_SCHEMA = StructuredTool(
    name="by_schema",
    description="Known by its JSON schema alone.",
    args_schema={
        "type": "object",
        "properties": {"part": {"type": "string", "title": "Part"}},
        "required": ["part"],
    },
    func=_part,
)


async def test_a_tool_keeps_to_what_every_tool_must() -> None:
    made = from_langchain_tool(stock)
    assert made.spec.name == "stock"
    assert made.spec.description == stock.description
    assert made.spec.parameters["required"] == ["part"]
    assert not made.spec.needs_approval
    assert from_langchain_tool(stock, side_effects=True).spec.needs_approval
    assert await made.call({"part": "bolt"}, RunContext()) == "4 of bolt here"
    await check_tool(made, {"part": "bolt"})
    schema_only = from_langchain_tool(BY_SCHEMA)
    assert await schema_only.call({"part": "bolt"}, RunContext()) == '{"part": "bolt"}'


@pytest.mark.parametrize("handled", [True, False])
async def test_a_tool_that_fails_on_purpose_tells_the_model(handled: bool) -> None:
    made = from_langchain_tool(
        StructuredTool.from_function(refusing, name="refuse", handle_tool_error=handled)
    )
    with pytest.raises(ToolError, match="no bolt today"):
        await made.call({"part": "bolt"}, RunContext())


async def test_an_agent_runs_a_langchain_tool(tmp_path: Path) -> None:
    action = '{"tool":"stock","arguments":{"part":"bolt"}}'
    agent = Agent(
        model=ScriptedModel([action, ANSWER, "four"], card=SCHEMA),
        tools=[from_langchain_tool(stock)],
        mode="agent",
        ledger=Ledger(tmp_path),
    )
    result = await agent.run("How many bolts?")
    assert result.trajectory[0].observation == "4 of bolt here"


def said(text: str, **more: Any) -> AIMessage:
    return AIMessage(content=text, **more)


ALL_USAGE: Any = {
    "input_tokens": 100,
    "output_tokens": 20,
    "total_tokens": 120,
    "input_token_details": {"cache_read": 40, "cache_creation": 10},
    "output_token_details": {"reasoning": 5},
}


def langchain_model(
    *answers: AIMessage, name: str = "openai:gpt-4o-mini", **more: Any
) -> LangChainModel:
    return LangChainModel(FakeMessagesListChatModel(responses=[*answers]), name=name, **more)


HELLO = ModelRequest(messages=(Message("user", "Hello"),))


async def test_usage_is_what_the_chat_model_says_of_it() -> None:
    answer = await langchain_model(said("hi", usage_metadata=ALL_USAGE)).generate(HELLO)
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens) == (100, 20)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (40, 10)
    assert usage.reasoning_output_tokens == 5
    assert usage.cost is None
    assert not answer.usage_estimated


@pytest.mark.parametrize(
    ("name", "metadata", "cost", "marks"),
    [
        ("openai:gpt-4o-mini", ALL_USAGE, Decimal("0.000024"), {"measured"}),
        ("openai:gpt-4o-mini", None, ..., {"estimated"}),
        ("mycompany:chat", ALL_USAGE, None, {"unpriced"}),
    ],
)
async def test_an_unknown_price_or_count_is_not_free(
    name: str, metadata: Any, cost: Any, marks: set[str], tmp_path: Path
) -> None:
    model = langchain_model(said("Canberra", usage_metadata=metadata), name=name)
    agent = Agent(model=model, mode="instant", ledger=Ledger(tmp_path))
    usage = (await agent.run("What is the capital?")).usage
    assert usage.provenance == marks
    if cost is not ...:
        assert usage.cost == cost
    assert usage.total_tokens
    if cost is None:
        with pytest.raises(ConfigurationError, match="a dollar cap cannot hold"):
            await agent.run("What is the capital?", budget=Budget(usd=1))


async def test_why_it_stopped_and_what_it_called() -> None:
    cut = said("and then", response_metadata={"finish_reason": "MAX_TOKENS"})
    assert (await langchain_model(cut).generate(HELLO)).finish_reason == "length"
    call: Any = {"type": "tool_call", "id": "c1", "name": "stock", "args": {"part": "bolt"}}
    broken: Any = {
        "type": "invalid_tool_call",
        "id": "c2",
        "name": "stock",
        "args": '{"part"',
        "error": "cut",
    }
    calling = await langchain_model(
        said("", tool_calls=[call], invalid_tool_calls=[broken])
    ).generate(HELLO)
    assert calling.finish_reason == "tool_calls"
    assert [c.to_dict()["function"]["name"] for c in calling.message.tool_calls] == ["stock"]
    assert calling.malformed_tool_calls == (("stock", '{"part"'),)


async def test_streams_in_pieces() -> None:
    model = LangChainModel(FakeListChatModel(responses=["Hello there"]), name="fake:list")
    events = [event async for event in model.stream(HELLO)]
    assert isinstance(events[-1], Completed)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == events[-1].response.message.content == "Hello there"
    assert len(events) > 5


class Coded(Exception):  # noqa: N818 - as providers' own
    def __init__(self, status_code: int) -> None:
        super().__init__("key=sk-abcdefghijklmnopqrstuvwxyz0123456789")
        self.status_code = status_code


class ContextOverflowError(Exception):
    """As langchain-core's own, which older versions do not have."""


@pytest.mark.parametrize(
    ("raised", "error", "retryable"),
    [
        (Coded(429), RateLimitError, True),
        (Coded(503), ModelError, True),
        (Coded(400), ModelError, False),
        (Coded(401), ConfigurationError, False),
        (TimeoutError(), ModelTimeoutError, True),
        (ConnectionError("gone"), ModelError, True),
        (ContextOverflowError("too long"), ContextLengthError, False),
        (TypeError("a bug"), ModelError, False),
    ],
)
async def test_failures_are_this_packages_errors(
    raised: Exception, error: type[LeanAgentError], retryable: bool
) -> None:
    class Failing(FakeMessagesListChatModel):
        def _generate(self, *_args: Any, **_kwargs: Any) -> Any:
            raise raised

    model = LangChainModel(Failing(responses=[]), name="fake:model")
    for work in (model.generate(HELLO), _drained(model)):
        with pytest.raises(error) as info:
            await work
        assert type(info.value) is error
        assert info.value.retryable == retryable
        assert "sk-abc" not in str(info.value)
        assert info.value.__cause__ is None


async def _drained(model: LangChainModel) -> None:
    async for _ in model.stream(HELLO):
        pass


async def test_a_name_without_a_provider_is_refused_and_a_schema_too() -> None:
    with pytest.raises(ConfigurationError, match="not a model name: 'gpt-4o-mini'"):
        langchain_model(name="gpt-4o-mini")
    with pytest.raises(ModelError) as info:
        await langchain_model(said("x")).generate(
            ModelRequest(messages=HELLO.messages, response_schema={"type": "object"})
        )
    assert info.value.status == 400  # the runtime then asks for the form in words


@pytest.fixture
def chat_openai(server: FakeOpenAI) -> Callable[[], Any]:
    langchain_openai = pytest.importorskip("langchain_openai", reason="the extra [baselines]")

    def make() -> Any:
        return langchain_openai.ChatOpenAI(
            model="gpt-4o-mini",
            base_url=server.url,
            api_key="none",
            max_retries=0,
            stream_usage=True,
        )

    return make


@pytest.mark.slow
async def test_a_real_chat_model_acts_and_is_charged_what_its_server_counts(
    chat_openai: Callable[[], Any], server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(
        Reply(text="", tool_calls=(("stock", '{"part": "bolt"}'),)),
        Reply(text="There are four."),
    )
    chat = chat_openai()
    agent = Agent(
        model=LangChainModel(chat, name="openai:gpt-4o-mini"),
        tools=[from_langchain_tool(stock)],
        mode="agent",
        budget=Budget(tokens=30_000),
        ledger=Ledger(tmp_path),
    )
    result = await agent.run("How many bolts?")
    await chat.root_async_client.close()
    assert result.output == "There are four."
    assert result.trajectory[0].observation == "4 of bolt here"
    assert [result.usage.input_tokens, result.usage.output_tokens] == server.reported
    assert result.usage.cost is None  # at this address nobody knows the price
    body = server.chats[0].body
    assert body["tools"][0]["function"]["name"] == "stock"
    assert body.get("max_completion_tokens") or body.get("max_tokens")
