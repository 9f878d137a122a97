from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_openai import FakeOpenAI, FakeRequest, Reply

from lean_agent.embedder import Embedder
from lean_agent.errors import (
    ConfigurationError,
    ContextLengthError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
)
from lean_agent.models.embeddings import OpenAICompatibleEmbedder

NAME = "acme:embed-1"
SECRET = "sk-secret-0123456789abcdef"


def direction(text: str) -> list[float]:
    """What the server makes of a text: its length and its characters, never of length 1."""
    return [3.0 * len(text), float(sum(map(ord, text)) % 97), 2.0]


def unit(text: str) -> NDArray[np.float64]:
    vector = np.array(direction(text))
    return vector / np.linalg.norm(vector)


def answer(vectors: Sequence[Any], tokens: int | None = 5) -> dict[str, Any]:
    rows = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    body: dict[str, Any] = {"object": "list", "data": rows, "model": "embed-1"}
    return body if tokens is None else {**body, "usage": {"prompt_tokens": tokens}}


def embedding(request: FakeRequest) -> Reply:
    """Backwards: what counts is the index."""
    texts: list[str] = request.body["input"]
    body = answer([direction(text) for text in texts], tokens=sum(map(len, texts)))
    return Reply(body={**body, "data": body["data"][::-1]})


@pytest.fixture
def embeddings() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(embedding) as running:
        yield running


Make = Callable[..., OpenAICompatibleEmbedder]


@pytest.fixture
async def embedder() -> AsyncIterator[Make]:
    """Makes clients of a server, closed in the end."""
    made: list[OpenAICompatibleEmbedder] = []

    def make(server: FakeOpenAI, **settings: Any) -> OpenAICompatibleEmbedder:
        client = OpenAICompatibleEmbedder(NAME, base_url=server.url, api_key=SECRET, **settings)
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


def asked(server: FakeOpenAI) -> list[list[Any]]:
    """The inputs of each embedding request."""
    return [r.body["input"] for r in server.requests if r.path == "/v1/embeddings"]


async def test_vectors_come_in_the_order_of_the_texts_and_of_length_one(
    embeddings: FakeOpenAI, embedder: Make
) -> None:
    client: Embedder = embedder(embeddings)
    texts = ["one", "twenty", "three hundred", "é \ud800 ü"]
    got = await client.embed(texts)
    assert client.name == NAME
    assert got.vectors.dtype == np.float32
    expected = [unit(text) for text in (*texts[:3], "é ? ü")]
    np.testing.assert_allclose(got.vectors, expected, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=1), 1, rtol=1e-6)
    assert got.usage.input_tokens == sum(map(len, texts))
    assert got.usage.output_tokens == 0
    assert got.usage.cost is None
    assert embeddings.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert embeddings.requests[0].body["model"] == "embed-1"
    await client.aclose()
    assert len((await client.embed(["again"])).vectors) == 1
    await client.aclose()


async def test_nothing_to_embed_is_no_request(embeddings: FakeOpenAI, embedder: Make) -> None:
    got = await embedder(embeddings).embed([])
    assert len(got.vectors) == 0
    assert got.usage.total_tokens == 0
    assert embeddings.requests == []


async def test_blank_texts_are_sent_as_a_full_stop(embeddings: FakeOpenAI, embedder: Make) -> None:
    got = await embedder(embeddings).embed(["", "word", " \n\t"])
    assert asked(embeddings) == [[".", "word", "."]]
    np.testing.assert_allclose(got.vectors, [unit("."), unit("word"), unit(".")], rtol=1e-6)


async def test_batches_are_bounded_in_texts_and_characters(
    embeddings: FakeOpenAI, embedder: Make
) -> None:
    texts = [f"{number}" for number in range(70)] + ["x" * 60_000, "y" * 60_000]
    got = await embedder(embeddings).embed(texts)
    assert sorted(map(len, asked(embeddings))) == [1, 7, 32, 32]
    np.testing.assert_allclose(got.vectors, [unit(text) for text in texts], rtol=1e-5)


@pytest.mark.slow
async def test_so_many_requests_go_out_at_once_and_no_more(embedder: Make) -> None:
    def slow(request: FakeRequest) -> Reply:
        return Reply(body=embedding(request).body, delay=0.2)

    with FakeOpenAI(slow) as server:
        client = embedder(server, batch_texts=1, concurrency=3)
        started = time.monotonic()
        await client.embed(list("abcdef"))
        assert time.monotonic() - started >= 0.4
        assert server.connections == 3
        await client.aclose()


async def test_base64_is_read_as_well(server: FakeOpenAI, embedder: Make) -> None:
    raw = np.array([3.0, 4.0], "<f4").tobytes()
    server.say(Reply(body=answer([base64.b64encode(raw).decode()])))
    got = await embedder(server).embed(["a"])
    np.testing.assert_allclose(got.vectors, [[0.6, 0.8]], rtol=1e-6)


async def test_without_an_index_the_order_is_that_of_the_texts(
    server: FakeOpenAI, embedder: Make
) -> None:
    rows = [{"embedding": [1.0, 0.0]}, {"embedding": [0.0, 2.0]}]
    server.say(Reply(body={"data": rows}))
    got = await embedder(server).embed(["first", "second"])
    np.testing.assert_array_equal(got.vectors, [[1, 0], [0, 1]])
    assert got.usage.input_tokens == 4
    assert got.usage.provenance == {"estimated"}


TWICE_THE_FIRST = {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (answer([[1.0, 2.0]]), "1 embeddings for 2 texts"),
        (TWICE_THE_FIRST, "not one for each text"),
        (answer([[1.0, 2.0], [1.0]]), "different dimensions"),
        (answer([[1.0, 2.0], [1.0, float("nan")]]), "not finite"),
        (answer([[1.0, 2.0], [1.0, float("inf")]]), "not finite"),
        (answer([[1.0, 2.0], [0.0, 0.0]]), "no direction"),
        (answer([[1.0, 2.0], []]), "no embedding"),
        (answer([[1.0, 2.0], None]), "no embedding"),
        (answer([[1.0, 2.0], ["a", "b"]]), "no embedding"),
        (answer([[1.0, 2.0], "not base64!"]), "no embedding"),
        (answer([[1.0, 2.0], [[1.0], [2.0]]]), "no embedding"),
    ],
)
async def test_what_are_no_good_vectors_is_an_error(
    server: FakeOpenAI, embedder: Make, body: dict[str, Any], message: str
) -> None:
    server.say(Reply(body=json.dumps(body).encode()))
    with pytest.raises(ModelError, match=message) as caught:
        await embedder(server).embed(["one", "two"])
    assert caught.value.model == NAME
    assert not caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens > 0


async def test_batches_of_different_dimensions_are_an_error(
    server: FakeOpenAI, embedder: Make
) -> None:
    server.say(Reply(body=answer([[1.0]])), Reply(body=answer([[1.0, 2.0]])))
    with pytest.raises(ModelError, match="different dimensions") as caught:
        await embedder(server, batch_texts=1).embed(["one", "two"])
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens == 10


@pytest.mark.parametrize(
    "failure",
    [
        Reply(status=503, headers={"retry-after-ms": "10"}, body={"error": {"message": "busy"}}),
        Reply(status=429, headers={"retry-after-ms": "10"}, body={"error": {"message": "slow"}}),
    ],
)
async def test_what_may_pass_is_tried_again(
    server: FakeOpenAI, embedder: Make, failure: Reply
) -> None:
    server.say(failure, failure, Reply(body=answer([[1.0]])))
    got = await embedder(server).embed(["text"])
    assert len(server.requests) == 3
    assert got.usage.input_tokens == 5


async def test_a_failed_attempt_is_paid_for_too(server: FakeOpenAI, embedder: Make) -> None:
    server.say(Reply(fault="cut", body=answer([[1.0]])), Reply(body=answer([[1.0]])))
    got = await embedder(server).embed(["a text of 30 characters, in all"])
    assert got.usage.input_tokens == 11 + 5
    assert got.usage.provenance == {"estimated"}


async def test_it_gives_up_after_the_last_attempt(server: FakeOpenAI, embedder: Make) -> None:
    busy = Reply(status=429, headers={"retry-after-ms": "1"}, body={"error": {"message": SECRET}})
    server.say(*[busy] * 3)
    with pytest.raises(RateLimitError) as caught:
        await embedder(server).embed(["text"])
    assert len(server.requests) == 3
    assert SECRET not in str(caught.value)


async def test_a_wrong_key_ends_all_batches_at_once(server: FakeOpenAI, embedder: Make) -> None:
    refused = Reply(status=401, body={"error": {"message": "no such key"}}, delay=0.1)
    server.say(Reply(body=answer([[1.0]])), refused, Reply(fault="hang"))
    with pytest.raises(ConfigurationError, match="no such key") as caught:
        await embedder(server, batch_texts=1).embed(["one", "two", "three"])
    assert len(server.requests) == 3
    assert caught.value.usage is not None
    assert caught.value.usage.input_tokens == 5


async def test_a_server_that_does_not_answer_is_a_timeout(
    server: FakeOpenAI, embedder: Make
) -> None:
    server.say(Reply(fault="hang"))
    with pytest.raises(ModelTimeoutError):
        await embedder(server, seconds=0.2, attempts=1).embed(["text"])


async def test_cancelling_is_prompt(server: FakeOpenAI, embedder: Make) -> None:
    server.say(*[Reply(fault="hang")] * 4)
    call = asyncio.create_task(embedder(server, batch_texts=1).embed(list("abcdefgh")))
    await asyncio.to_thread(server.asked.wait)
    started = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - started < 1


def refusing(too_long: Callable[[list[str]], bool]) -> AbstractContextManager[FakeOpenAI]:
    def handler(request: FakeRequest) -> Reply:
        if too_long(request.body["input"]):
            error = {"message": "maximum context length", "code": "context_length_exceeded"}
            return Reply(status=400, body={"error": error})
        return embedding(request)

    return FakeOpenAI(handler)


async def test_a_text_that_is_too_long_is_cut_and_the_others_are_not(embedder: Make) -> None:
    long = "z" * 500
    with refusing(lambda texts: any(len(text) > 200 for text in texts)) as server:
        got = await embedder(server).embed(["one", long, "two", "three"])
        cut = next(text for texts in asked(server) for text in texts if 100 < len(text) <= 200)
        assert long.startswith(cut)
        expected = [unit("one"), unit(cut), unit("two"), unit("three")]
        np.testing.assert_allclose(got.vectors, expected, rtol=1e-6)


async def test_a_request_that_is_too_long_in_all_is_sent_in_parts(embedder: Make) -> None:
    texts = [letter * 50 for letter in "abcdefgh"]
    with refusing(lambda texts: sum(map(len, texts)) > 120) as server:
        got = await embedder(server).embed(texts)
        np.testing.assert_allclose(got.vectors, [unit(text) for text in texts], rtol=1e-6)


async def test_a_text_that_never_fits_is_an_error(embedder: Make) -> None:
    with refusing(lambda _texts: True) as server:
        with pytest.raises(ContextLengthError):
            await embedder(server).embed(["w" * 1000])
        assert len(server.requests) < 12


async def test_where_the_context_is_known_the_servers_tokenizer_cuts(
    server: FakeOpenAI, embedder: Make
) -> None:
    server.say(Reply(body=answer([[1.0], [2.0], [3.0]])))
    fits, just, long = "a" * 8, "b" * 40, "c" * 100
    await embedder(server, context_tokens=10).embed([fits, just, long])
    # The server counts four characters as a token.
    assert asked(server) == [[fits, list(range(10)), [*range(9), 24]]]


async def test_a_server_of_ones_own_that_counts_too_much_is_understood(
    server: FakeOpenAI, embedder: Make
) -> None:
    message = "input (560 tokens) is too large to process. increase the physical batch size"
    body = {"error": {"code": 500, "message": message, "type": "server_error"}}
    server.say(Reply(status=500, body=body), Reply(body=answer([[1.0]])))
    await embedder(server).embed(["v" * 100])
    assert [len(texts[0]) for texts in asked(server)] == [100, 70]


def test_one_object_serves_one_event_loop_after_another(embeddings: FakeOpenAI) -> None:
    client = OpenAICompatibleEmbedder(NAME, base_url=embeddings.url)

    async def once() -> int:
        try:
            return len((await client.embed(["text"])).vectors)
        finally:
            await client.aclose()

    assert [asyncio.run(once()) for _ in range(2)] == [1, 1]
