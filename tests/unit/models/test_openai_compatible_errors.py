from __future__ import annotations

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncGenerator
from email.utils import formatdate
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Fault, Reply

from lean_agent.errors import (
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    LeanAgentError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
)
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel

ASK = ModelRequest(messages=(Message("user", "2+2?"),))
KEY = "sk-proj-4f8a9b2c1d3e5f60"


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncGenerator[OpenAICompatibleModel]:
    made = OpenAICompatibleModel("openai:test", base_url=server.url, api_key=KEY)
    yield made
    await made.aclose()


async def generate(model: OpenAICompatibleModel, request: ModelRequest) -> None:
    await model.generate(request)


async def stream(model: OpenAICompatibleModel, request: ModelRequest) -> None:
    async for _event in model.stream(request):
        pass


def said(message: str, code: Any = None, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": kind}}


CASES: list[tuple[int, Any, type[LeanAgentError], bool]] = [
    (400, said("too long", "context_length_exceeded"), ContextLengthError, False),
    (
        400,
        said("request (9 tokens) exceeds the available context size (8 tokens)", 400,
             "exceed_context_size_error"),
        ContextLengthError,
        False,
    ),
    (413, said("payload too large"), ContextLengthError, False),
    (413, said("tokens per minute", "rate_limit_exceeded"), RateLimitError, True),
    (400, said("blocked by the content management policy", "content_filter"), ContentFilterError,
     False),
    (403, said("your input was flagged"), ContentFilterError, False),
    (400, said("temperature must be a number"), ModelError, False),
    (401, said("Incorrect API key", "invalid_api_key"), ConfigurationError, False),
    (403, said("country not supported"), ConfigurationError, False),
    (404, said("The model does not exist", "model_not_found"), ConfigurationError, False),
    (402, said("Insufficient Balance"), ModelError, False),
    (408, said("request timeout"), ModelTimeoutError, True),
    (409, said("conflict"), ModelError, True),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, ModelError, False),
    (429, said("slow down", "rate_limit_exceeded"), RateLimitError, True),
    (429, said("You exceeded your current quota", "insufficient_quota"), RateLimitError, False),
    (500, b"<html>oh</html>", ModelError, True),
    (503, said("Loading model", 503, "unavailable_error"), ModelError, True),
    (504, b"", ModelTimeoutError, True),
    (529, said("overloaded"), ModelError, True),
]  # fmt: skip


@pytest.mark.parametrize("way", [generate, stream])
@pytest.mark.parametrize(("status", "body", "kind", "retryable"), CASES)
async def test_a_status_becomes_its_error(
    server: FakeOpenAI,
    model: OpenAICompatibleModel,
    way: Any,
    status: int,
    body: Any,
    kind: type[LeanAgentError],
    retryable: bool,
) -> None:
    server.say(Reply(status=status, body=body, headers={"x-request-id": "req-9"}))
    with pytest.raises(kind) as caught:
        await way(model, ASK)
    error = caught.value
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.usage is None, "a refused call is not paid"
    assert len(server.chats) == 1, "nobody but the runtime tries again"
    if isinstance(error, ModelError):
        assert (error.status, error.request_id, error.model) == (status, "req-9", "openai:test")
    assert "\n" not in error.message


@pytest.mark.parametrize("way", [generate, stream])
async def test_a_wrong_key_names_the_variable_and_never_the_key(
    server: FakeOpenAI, model: OpenAICompatibleModel, way: Any
) -> None:
    text = f"Incorrect API key provided: {KEY}. Or sk-*****90abcdef0"
    server.say(Reply(status=401, body=said(text)))
    with pytest.raises(ConfigurationError) as caught:
        await way(model, ASK)
    assert "OPENAI_API_KEY" in caught.value.hint
    shown = "".join(traceback.format_exception(caught.value))
    assert "Incorrect API key provided: [redacted]" in shown
    assert KEY not in shown
    assert "90abcdef0" not in shown


async def test_a_key_of_any_form_is_never_shown(server: FakeOpenAI) -> None:
    model = OpenAICompatibleModel("mine:a", base_url=server.url, api_key="open sesame")
    server.say(Reply(status=400, body=said("what is 'open sesame'?")))
    with pytest.raises(ModelError) as caught:
        await model.generate(ASK)
    assert "open sesame" not in str(caught.value)
    await model.aclose()


async def test_an_unknown_model_is_named(server: FakeOpenAI, model: OpenAICompatibleModel) -> None:
    server.say(Reply(status=404, body=said("no")))
    with pytest.raises(ConfigurationError, match="openai:test"):
        await model.generate(ASK)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read(
    server: FakeOpenAI, model: OpenAICompatibleModel, header: dict[str, str], seconds: float | None
) -> None:
    server.say(Reply(status=429, body=said("wait"), headers=header))
    with pytest.raises(RateLimitError) as caught:
        await model.generate(ASK)
    assert caught.value.retry_after == seconds


async def test_retry_after_may_be_a_date(server: FakeOpenAI, model: OpenAICompatibleModel) -> None:
    date = formatdate(time.time() + 30, usegmt=True)
    server.say(Reply(status=503, body=said("wait"), headers={"retry-after": date}))
    with pytest.raises(ModelError) as caught:
        await model.generate(ASK)
    assert caught.value.retry_after == pytest.approx(30, abs=5)


@pytest.mark.parametrize("way", [generate, stream])
async def test_nobody_listens(way: Any) -> None:
    with FakeOpenAI() as stopped:
        url = stopped.url
    model = OpenAICompatibleModel("mine:a", base_url=url)
    with pytest.raises(ModelError, match="cannot reach 127") as caught:
        await way(model, ASK)
    assert caught.value.retryable
    assert caught.value.usage is None, "nothing was sent"
    assert not isinstance(caught.value, ModelTimeoutError)
    await model.aclose()


async def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name service is the one thing replaced: asking the real one leaves the machine."""

    def unknown(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    model = OpenAICompatibleModel("mine:a", base_url="http://nowhere.invalid/v1")
    with pytest.raises(ModelError, match=r"cannot reach nowhere\.invalid.*not known") as caught:
        await model.generate(ASK)
    assert caught.value.retryable
    await model.aclose()


@pytest.mark.parametrize("way", [generate, stream])
async def test_a_timeout_is_for_the_whole_call(
    server: FakeOpenAI, model: OpenAICompatibleModel, way: Any
) -> None:
    await model.generate(ASK)
    server.say(Reply(fault="hang"))
    started = time.perf_counter()
    with pytest.raises(ModelTimeoutError) as caught:
        await way(model, ModelRequest(messages=ASK.messages, timeout=0.2))
    assert time.perf_counter() - started < 2
    assert caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens > 0, "the prompt may well be charged"


async def test_a_whole_answer_that_trickles_past_its_timeout_is_ended(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    """Each piece comes in time, the call as a whole does not."""
    server.say(Reply(piece_delay=0.15))
    with pytest.raises(ModelTimeoutError):
        await model.generate(ModelRequest(messages=ASK.messages, timeout=0.4))


async def test_a_stream_that_trickles_past_its_timeout_is_ended(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="x" * 400, piece_delay=0.05))
    with pytest.raises(ModelTimeoutError) as caught:
        await stream(model, ModelRequest(messages=ASK.messages, timeout=0.4))
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens >= 2


FAULTS: list[tuple[Fault, str]] = [
    ("cut", "broke off"),
    ("half_json", "not JSON"),
    ("empty_choices", "no answer"),
    ("error_in_stream", "the upstream went away"),
    ("no_end", "broke off"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
async def test_a_broken_stream_may_be_tried_again(
    server: FakeOpenAI, model: OpenAICompatibleModel, fault: Fault, message: str
) -> None:
    # half_json comes at the end of a stream: it must not be covered by a finish reason
    run_on = fault == "half_json"
    server.say(Reply(text="x" * 80, fault=fault, run_on="x" if run_on else ""))
    with pytest.raises(ModelError, match=message) as caught:
        await stream(model, ASK)
    assert caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens > 0
    assert (await model.generate(ASK)).message.content == "ok"


@pytest.mark.parametrize(("fault", "message"), FAULTS[:3])
async def test_a_broken_answer_may_be_tried_again(
    server: FakeOpenAI, model: OpenAICompatibleModel, fault: Fault, message: str
) -> None:
    server.say(Reply(text="x" * 80, fault=fault))
    with pytest.raises(ModelError, match=message) as caught:
        await model.generate(ASK)
    assert caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens > 0


async def test_an_empty_answer_that_was_paid_keeps_its_usage(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    server.say(Reply(text="x" * 80, fault="empty_choices"))
    with pytest.raises(ModelError) as caught:
        await model.generate(ASK)
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens == 20
    assert caught.value.usage.provenance == frozenset()


async def test_a_stream_cut_after_the_answer_is_whole_is_no_error(
    server: FakeOpenAI, model: OpenAICompatibleModel
) -> None:
    """Of [text, end, usage] the second half is cut: only the usage is missing."""
    server.say(Reply(text="four", fault="half_json"))
    *_, last = [event async for event in model.stream(ASK)]
    assert isinstance(last, Completed)
    assert last.response.message.content == "four"
    assert last.response.finish_reason == "stop"


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"message": "no upstream", "code": 502}, ModelError, True),
        ({"message": "slow down", "code": "429"}, RateLimitError, True),
        ({"message": "no reason"}, ModelError, True),
        ({"message": "bad field", "code": 400}, ModelError, False),
        ("just text", ModelError, True),
    ],
)
async def test_an_error_in_place_of_an_answer(
    server: FakeOpenAI,
    model: OpenAICompatibleModel,
    error: Any,
    kind: type[ModelError],
    retryable: bool,
) -> None:
    server.say(Reply(body={"error": error}))
    with pytest.raises(kind) as caught:
        await model.generate(ASK)
    assert caught.value.retryable is retryable
    assert caught.value.usage is not None


async def test_a_refusal_is_the_answer(server: FakeOpenAI, model: OpenAICompatibleModel) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I will not."}
    server.say(Reply(body={"choices": [{"message": message, "finish_reason": "stop"}]}))
    response = await model.generate(ASK)
    assert response.message.content == "I will not."
    assert response.finish_reason == "content_filter"


@pytest.mark.parametrize("way", [generate, stream])
async def test_cancellation_is_not_an_error_of_the_model(
    server: FakeOpenAI, model: OpenAICompatibleModel, way: Any
) -> None:
    server.say(Reply(fault="hang"))
    task = asyncio.create_task(way(model, ModelRequest(messages=ASK.messages, timeout=30)))
    await asyncio.to_thread(server.asked.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
