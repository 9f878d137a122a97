"""The client of every server that speaks OpenAI's embeddings API, hosted or on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, cast

from lean_agent.embedder import Embedded
from lean_agent.errors import ContextLengthError, LeanAgentError, ModelError
from lean_agent.models.embedding_answer import read_embeddings
from lean_agent.models.provider_errors import provider_failures, translate
from lean_agent.models.retrying import ATTEMPTS, with_retries
from lean_agent.models.server import Server
from lean_agent.models.tokens import embedding_bound, estimate_embedding_usage
from lean_agent.models.wire import as_mapping
from lean_agent.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OpenAICompatibleEmbedder"]

_Input = str | list[int]

_BATCH_TEXTS = 32
# Also bounds what the server counts for one request: OpenAI takes 300,000 tokens.
_BATCH_CHARS = 100_000
_CONCURRENCY = 4
_SECONDS = 60.0
# A text that is too long loses this share of itself until it fits.
_CUT = 0.3
_SHORTEST_CUT = 64
# No word of any length of a language needs more characters a token on average.
_CHARS_PER_TOKEN = 16
# Servers refuse an empty text; this stands for one.
_BLANK = "."


class OpenAICompatibleEmbedder:
    """Embeddings from ``/embeddings``.

    Key and address are found as for a chat model (``Server.named``). Texts go out in batches, some
    at a time; a failure that may pass is tried again. A text that is too long is cut at its end
    until it fits: with ``context_tokens``, for a llama.cpp server, at exactly that many tokens by
    the server's own tokenizer, else by characters once the server has refused it. A text without a
    visible character is embedded as a full stop. The object may be used from several event loops;
    ``aclose`` lets go of the running loop's connections and leaves it usable.

    ``seconds`` is how long one request may take, None as long as the client allows.

    Raises:
        ConfigurationError: no key, no known address, or a name without a provider.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        context_tokens: int | None = None,
        batch_texts: int = _BATCH_TEXTS,
        concurrency: int = _CONCURRENCY,
        seconds: float | None = _SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._name = name
        self._server = Server.named(name, base_url=base_url, api_key=api_key)
        self._context_tokens = context_tokens
        self._batch_texts = batch_texts
        self._concurrency = concurrency
        self._seconds = seconds
        self._attempts = attempts

    @property
    def name(self) -> str:
        return self._name

    @property
    def base_url(self) -> str:
        """The server's address: prices are looked up by it, not by the name alone."""
        return self._server.base_url

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text.

        The usage, also an error's, is that of all requests, those that failed included.
        """
        import numpy as np

        if not texts:
            return Embedded(vectors=np.empty((0, 0), np.float32), usage=Usage())
        paid: list[Usage] = []
        gate = asyncio.Semaphore(self._concurrency)

        async def one(batch: list[str]) -> NDArray[np.float32]:
            async with gate:
                return await self._batch(await self._inputs(batch), paid)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(batch)) for batch in self._batches(texts)]
            vectors = _joined([task.result() for task in tasks], self._name)
        except ExceptionGroup as failures:
            raise _with_usage(failures.exceptions[0], paid) from None
        except ModelError as error:
            raise _with_usage(error, paid) from None
        return Embedded(vectors=vectors, usage=reduce(add, paid))

    async def aclose(self) -> None:
        await self._server.clients.aclose()

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        size = 0
        for text in texts:
            sent = _sendable(text)
            if batch and (len(batch) >= self._batch_texts or size + len(sent) > _BATCH_CHARS):
                yield batch
                batch, size = [], 0
            batch.append(sent)
            size += len(sent)
        yield batch

    async def _inputs(self, texts: Sequence[str]) -> list[_Input]:
        """The texts, those that are too long as the tokens they may have."""
        limit = self._context_tokens
        if limit is None:
            return list(texts)
        return [
            text if embedding_bound(text) <= limit else await self._first_tokens(text, limit)
            for text in texts
        ]

    async def _first_tokens(self, text: str, limit: int) -> _Input:
        path = f"{self._server.base_url.removesuffix('/v1')}/tokenize"
        body = {"content": text[: limit * _CHARS_PER_TOKEN], "add_special": True}
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._server.post(path, body, self._seconds)
                tokens = cast("list[int]", as_mapping(response.json()).get("tokens"))
                if not tokens:
                    raise ValueError("no tokens")
        except provider_failures() as error:
            raise translate(error, self._server.site, Usage()) from None
        # The last one marks the end of a text.
        return tokens if len(tokens) <= limit else [*tokens[: limit - 1], tokens[-1]]

    async def _batch(self, inputs: list[_Input], paid: list[Usage]) -> NDArray[np.float32]:
        try:
            return await with_retries(lambda: self._request(inputs, paid), attempts=self._attempts)
        except ContextLengthError:
            if len(inputs) > 1:
                middle = len(inputs) // 2
                halves = [
                    await self._batch(half, paid) for half in (inputs[:middle], inputs[middle:])
                ]
                return _joined(halves, self._name)
            text = inputs[0]
            if not isinstance(text, str) or len(text) <= _SHORTEST_CUT:
                raise
        return await self._batch([text[: int(len(text) * (1 - _CUT))]], paid)

    async def _request(self, inputs: list[_Input], paid: list[Usage]) -> NDArray[np.float32]:
        site = self._server.site
        estimated = estimate_embedding_usage(inputs)
        body = {"model": self._server.model, "input": inputs}
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._server.post("/embeddings", body, self._seconds)
                # Some megabytes of numbers, off the loop.
                vectors, usage = await asyncio.to_thread(
                    read_embeddings, response.content, len(inputs), site, estimated
                )
        except LeanAgentError as error:
            paid += [error.usage] if error.usage else []
            raise
        except provider_failures() as error:
            failure = translate(error, site, estimated)
            paid += [failure.usage] if failure.usage else []
            raise failure from None
        paid.append(usage)
        return vectors


def _sendable(text: str) -> str:
    if not text.strip():
        return _BLANK
    cut = text[:_BATCH_CHARS]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def _joined(parts: Sequence[NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    import numpy as np

    if len({part.shape[1] for part in parts}) != 1:
        raise ModelError(f"{name} sent embeddings of different dimensions", model=name)
    return np.concatenate(parts)


def _with_usage(error: Exception, paid: Sequence[Usage]) -> Exception:
    if isinstance(error, LeanAgentError) and paid:
        error.usage = reduce(add, paid)
    return error
