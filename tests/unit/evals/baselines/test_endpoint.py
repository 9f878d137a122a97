from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from support.baseline_runs import means
from support.scripted_runs import searching

from lean_agent import Budget, Message, ModelCard, ModelResponse, Tool, ToolCall
from lean_agent.ledger import queries
from lean_agent.models.scripted import ScriptedModel
from lean_agent.models.wire import tool_to_wire
from lean_agent.usage import Usage
from lean_agent_evals.baselines import metered
from lean_agent_evals.baselines.endpoint import Endpoint
from lean_agent_evals.baselines.metered import MeteredRun

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
SEARCH: Tool = searching()
FORCED = {"type": "function", "function": {"name": "search"}}
NAMELESS: dict[str, Any] = ASKED | {"tools": [{}]}
JSON = {"type": "json_object"}
IMAGE = {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}
CALL = '{"name": "search", "arguments": {"query": "tin"}}'
WITH_TOOL = ASKED | {"tools": [tool_to_wire(SEARCH.spec)]}


class Client:
    """One that sends what it is told, well formed or not."""

    def __init__(self, endpoint: Endpoint, run: MeteredRun) -> None:
        self.address = urlsplit(endpoint.url).netloc
        self.key = endpoint.key
        self.run = run

    async def post(self, body: object, **how: Any) -> tuple[int, Any]:
        return await asyncio.to_thread(self._post, body, **how)

    def _post(
        self,
        body: object,
        *,
        path: str = "/v1/chat/completions",
        token: str | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address, timeout=10)
        sent = {"Authorization": f"Bearer {self.key if token is None else token}"}
        connection.request(
            "POST", path, raw, sent | {k.replace("_", "-"): headers[k] for k in headers}
        )
        answer = connection.getresponse()
        read = json.loads(answer.read())
        connection.close()
        return answer.status, read


@asynccontextmanager
async def client(
    folder: Path, script: list[Any], card: ModelCard | None = None, **given: Any
) -> AsyncGenerator[tuple[Client, ScriptedModel]]:
    model = ScriptedModel(script, card=card)
    told: list[tuple[Client, ScriptedModel]] = []
    ready, over = asyncio.Event(), asyncio.Event()

    async def work(run: MeteredRun) -> str:
        async with Endpoint(run) as endpoint:
            told.append((Client(endpoint, run), model))
            ready.set()
            await over.wait()
        return "-"

    asked = means(model, folder, **given)
    task = asyncio.ensure_future(metered.attempted("question", asked, "a test", work))
    await ready.wait()
    try:
        yield told[0]
    finally:
        over.set()
        await task


def message_of(answer: Any) -> Any:
    return answer["choices"][0]["message"]


async def test_a_call_is_charged_like_any_other(tmp_path: Path) -> None:
    async with client(tmp_path, ["hello to you"]) as (user, model):
        status, answer = await user.post(ASKED | {"temperature": 1.0, "max_tokens": 9})
        assert (status, message_of(answer)["content"]) == (200, "hello to you")
        (request,) = model.requests
        assert (request.temperature, request.seed) == (0.25, 7), "the run's own, not the client's"
        assert request.max_output_tokens == 9
    (row,) = [
        r for r in queries.show(tmp_path, user.run.context.run_id) if r["operation"] == "chat"
    ]
    assert row["input_tokens"] == answer["usage"]["prompt_tokens"] == 2
    assert row["output_tokens"] == answer["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("token", ["", "other", "é"])
async def test_who_does_not_know_the_key_is_refused(token: str, tmp_path: Path) -> None:
    async with client(tmp_path, ["ok"]) as (user, model):
        status, answer = await user.post(ASKED, token=token)
        assert (status, answer["error"]["message"]) == (401, "wrong token")
        assert not model.requests
        assert (await user.post(ASKED))[0] == 200, "which does the attempt no harm"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is no JSON"),
        (b"\xff\xfe", "the body is no JSON"),
        ([], "messages is missing"),
        ({"messages": []}, "messages is missing"),
        ({"messages": 3}, "messages is no list"),
        ({"messages": [{"role": "king", "content": ""}]}, "no message has the role 'king'"),
        (ASKED | {"stream": True}, "streaming is not offered"),
        (ASKED | {"n": 2}, "one choice only: n must be 1"),
        (ASKED | {"max_tokens": 0}, "max_tokens is 0, it must be 1 or more"),
        (NAMELESS, "a tool has no function with a name"),
        (ASKED | {"tool_choice": FORCED}, "tool_choice must be one of auto, none, required"),
        (ASKED | {"response_format": JSON}, "the response format 'json_object' is not offered"),
        (IMAGE, "messages of text only"),
    ],
)  # fmt: skip
async def test_what_cannot_be_served_is_told_in_one_line(
    body: object, message: str, tmp_path: Path
) -> None:
    async with client(tmp_path, ["ok"]) as (user, model):
        status, answer = await user.post(body)
        assert (status, answer["error"]["message"]) == (400, message)
        assert not model.requests
        assert user.run.failure is not None, "no fault of the model's: infrastructure"


async def test_a_mistake_of_ours_is_told_and_no_fault_of_the_models(tmp_path: Path) -> None:
    deep = b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    async with client(tmp_path, ["ok"]) as (user, model):
        status, answer = await user.post(deep)
        assert status == 400
        assert "endpoint: unexpected RecursionError" in answer["error"]["message"]
        assert user.run.failure is not None
        assert (await user.post(ASKED))[0] == 400, "nothing more is asked"
        assert not model.requests


async def test_a_body_too_large_is_refused_unread(tmp_path: Path) -> None:
    async with client(tmp_path, ["ok"]) as (user, _):
        status, answer = await user.post(b"{}", Content_Length=str(2**30))
        assert (status, answer["error"]["message"]) == (
            413,
            "a body of 1073741824 bytes is over 16777216",
        )
        assert (await user.post(b"{}", Content_Length="many"))[0] == 411
        assert (await user.post(b"{}", X_Long="x" * 70_000))[0] == 431
        assert (await user.post(ASKED, path="/v1/models"))[0] == 404


async def test_past_the_budget_every_call_is_refused_for_good(tmp_path: Path) -> None:
    async with client(tmp_path, ["one", "two"], budget=Budget(steps=1)) as (user, model):
        assert (await user.post(ASKED))[0] == 200
        for _ in range(2):
            status, answer = await user.post(ASKED)
            assert (status, answer["error"]["code"]) == (400, "limit_exceeded")
        assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("written", "text", "name", "arguments"),
    [
        (f"```json\n{CALL}\n```", None, "search", {"query": "tin"}),
        (f"I look.\n<tool_call>{CALL}</tool_call>", "I look.", "search", {"query": "tin"}),
        ('{"name": "days", "arguments": {"of": "tin"}}', None, "days", {"of": "tin"}),
    ],
)  # fmt: skip
async def test_a_call_written_as_text_is_a_call(
    written: str, text: str | None, name: str, arguments: object, tmp_path: Path
) -> None:
    async with client(tmp_path, [written]) as (user, _):
        _, answer = await user.post(WITH_TOOL)
    (call,) = message_of(answer)["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("call_0001_00", name)
    assert json.loads(call["function"]["arguments"]) == arguments
    assert message_of(answer)["content"] == text
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("said", ['The answer is {"a": 1}.', '{"name": "Ada", "age": 3}', "29.8"])
async def test_an_answer_is_no_call(said: str, tmp_path: Path) -> None:
    async with client(tmp_path, [said]) as (user, _):
        _, answer = await user.post(WITH_TOOL)
    assert message_of(answer) == {"role": "assistant", "content": said}


async def test_arguments_that_are_no_json_are_mended_or_passed_on(tmp_path: Path) -> None:
    def broken(raw: str) -> ModelResponse:
        return ModelResponse(
            message=Message("assistant", ""),
            usage=Usage(),
            finish_reason="tool_calls",
            model="m",
            malformed_tool_calls=(("search", raw),),
        )

    script = [broken('{"query": "tin"'), broken("tin"), "sorry"]
    async with client(tmp_path, script) as (
        user,
        model,
    ):
        _, mended = await user.post(WITH_TOOL)
        assert message_of(mended)["tool_calls"][0]["function"]["arguments"] == '{"query": "tin"}'
        _, passed = await user.post(WITH_TOOL)
        (call,) = message_of(passed)["tool_calls"]
        assert call["function"]["arguments"] == "tin"
        told = [*ASKED["messages"], message_of(passed)]
        told.append({"role": "tool", "tool_call_id": call["id"], "content": "no JSON"})
        assert (await user.post(WITH_TOOL | {"messages": told}))[0] == 200
    said, complaint = model.requests[2].messages[1:]
    assert said.tool_calls == (ToolCall(call["id"], "search", {"unreadable": "tin"}),)
    assert complaint.tool_call_id == call["id"]


@pytest.mark.parametrize(("grammar", "choice"), [(True, "auto"), (False, "required")])
async def test_llama_cpp_is_not_asked_for_a_call_it_would_wait_for_in_vain(
    grammar: bool, choice: str, tmp_path: Path
) -> None:
    card = ModelCard(grammar=grammar, self_hosted=True)
    async with client(tmp_path, ["ok"], card) as (user, model):
        await user.post(WITH_TOOL | {"tool_choice": "required"})
    assert model.requests[0].tool_choice == choice


@pytest.mark.parametrize("rounds", range(6))
async def test_who_has_just_connected_when_it_ends_is_not_left_waiting(
    rounds: int, tmp_path: Path
) -> None:
    async with client(tmp_path, []) as (user, _):
        host, _, port = user.address.partition(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        for _ in range(rounds):
            await asyncio.sleep(0)
    with connection, contextlib.suppress(ConnectionError):
        assert await asyncio.to_thread(connection.recv, 1) == b""


@pytest.mark.parametrize("rounds", range(1, 8))
async def test_cancelled_while_it_opens_or_ends_it_leaves_nothing_open(rounds: int) -> None:
    async def opened() -> None:
        async with Endpoint(cast("MeteredRun", None)) as endpoint:
            address = urlsplit(endpoint.url)
            connections.append(socket.create_connection((address.hostname, address.port), 10))

    connections: list[socket.socket] = []
    task = asyncio.ensure_future(opened())
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    for connection in connections:
        with connection, contextlib.suppress(ConnectionError):
            assert await asyncio.to_thread(connection.recv, 1) == b""
    gc.collect()  # what is still open is told here
