"""The client of every server that speaks OpenAI's chat API, hosted or on this machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from lean_agent._text import read_json
from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message
from lean_agent.model import (
    Completed,
    ModelCard,
    ModelRequest,
    ModelResponse,
    StreamEvent,
)
from lean_agent.models import wire
from lean_agent.models.endpoints import Dialect
from lean_agent.models.provider_errors import provider_failures, translate
from lean_agent.models.server import Server, request_options
from lean_agent.models.streamed_call import StreamedCall
from lean_agent.models.tokens import TokenCounter, estimate_usage
from lean_agent.models.vision import image_tokens
from lean_agent.models.whole_answer import read_answer
from lean_agent.tool_spec import ToolSpec

__all__ = ["OpenAICompatibleModel"]

_COUNT_SECONDS = 2.0
_MAX_COUNTS = 64


class OpenAICompatibleModel:
    """A model behind ``/chat/completions``.

    The key and address come from the arguments, else from the provider's variable
    (OPENAI_API_KEY; for ``openai`` also OPENAI_BASE_URL) and its known address. A server at an
    address of the user's own needs no key. Calls are never repeated here: the runtime retries, and
    charges every attempt. The object may be used from several event loops; ``aclose`` lets go of
    the running loop's connections and leaves it usable.

    ``generate`` streams inside where the output is constrained, so that output that runs on is
    stopped (finish reason ``aborted``), and where the request says when it is enough; ``stream``
    guards schemas, grammars and tools.

    Raises:
        ConfigurationError: no key, no known address, or a name without a provider.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        card: ModelCard | None = None,
        dialect: Dialect = "openai",
    ) -> None:
        server = Server.named(name, base_url=base_url, api_key=api_key)
        self._name = name
        self._server = server
        self._site = server.site
        self._dialect: Dialect = dialect
        self._card = card or ModelCard(
            grammar=dialect == "llama_cpp",
            logprobs=dialect == "llama_cpp",
            self_hosted=server.self_hosted,
            image_tokens=image_tokens(server.model),
        )
        at_openai = server.site.host == "api.openai.com"
        self._max_tokens_name = "max_completion_tokens" if at_openai else "max_tokens"
        self._counter = TokenCounter(
            server.model if dialect == "openai" else None, self._card.image_tokens
        )
        self._counts: dict[bytes, int] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def base_url(self) -> str:
        """The server's address: prices are looked up by it, not by the name alone."""
        return self._server.base_url

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """One answer, whole."""
        formed = request.response_schema is not None or request.grammar is not None
        if formed or request.enough is not None:
            return await self._generate_streamed(request)
        body = self._body(request, stream=False)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(request.timeout):
                response = await self._server.post("/chat/completions", body, request.timeout)
                data = wire.as_mapping(read_json(response.content))
        except provider_failures() as error:
            raise translate(error, self._site, estimate_usage(request, "")) from None
        seconds = time.perf_counter() - started
        request_id = response.headers.get("x-request-id")
        return read_answer(data, request, self._site, seconds=seconds, request_id=request_id)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """Text as it comes, then ``Completed``; closing it early closes the connection."""
        formed = request.response_schema is not None or request.grammar is not None
        body = self._body(request, stream=True)
        async with self._server.clients.using() as client:
            call = StreamedCall(request, self._site, guarded=formed or bool(request.tools))
            try:
                await call.open(client, body, self._stream_options(request.timeout))
                while (piece := await call.next_piece()) is not None:
                    yield piece
                yield Completed(call.response())
            finally:
                await call.close()

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """An upper bound: the server's own count in the llama.cpp dialect, else from the bytes.

        For OpenAI's models texts are counted by tiktoken if its encoding is on disk.
        """
        if self._dialect == "llama_cpp":
            try:
                texts = [replace(m, images=()) if m.images else m for m in messages]
                images = sum(len(message.images) for message in messages)
                counted = await self._count_at_server(texts, tools)
                return counted + images * (self._card.image_tokens or 0)
            except (*provider_failures(), KeyError, TypeError):
                pass
        return await self._counter.count(messages, tools)

    async def aclose(self) -> None:
        await self._server.clients.aclose()

    async def _generate_streamed(self, request: ModelRequest) -> ModelResponse:
        last: StreamEvent | None = None
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                last = event
        assert isinstance(last, Completed)  # noqa: S101 - or stream() has raised
        return last.response

    def _body(self, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        if request.grammar is not None and self._dialect != "llama_cpp":
            raise ConfigurationError(
                f"{self._name} takes no grammar", hint="use response_schema with this server"
            )
        return wire.request_body(
            request,
            model=self._server.model,
            stream=stream,
            max_tokens_name=self._max_tokens_name,
            llama_cpp=self._dialect == "llama_cpp",
        )

    def _stream_options(self, timeout: float | None) -> Any:
        """llama.cpp's server at times drops the connection after a stream it has ended well.

        The next request on it is then lost (4 in 100, sent back to back), so each stream there has
        a connection of its own.
        """
        options = request_options(timeout)
        if self._dialect == "llama_cpp":
            return {**options, "headers": {"Connection": "close"}}
        return options

    async def _count_at_server(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        body: dict[str, Any] = {"messages": [wire.message_to_wire(m) for m in messages]}
        if tools:
            body["tools"] = [wire.tool_to_wire(spec) for spec in tools]
        key = blake2b(json.dumps(body).encode()).digest()
        if (known := self._counts.get(key)) is not None:
            return known
        async with self._server.clients.using() as client, asyncio.timeout(_COUNT_SECONDS):
            root = self._server.base_url.removesuffix("/v1")
            rendered = await client.post(f"{root}/apply-template", cast_to=object, body=body)
            text = wire.as_mapping(rendered)["prompt"]
            asked = {"content": text, "add_special": True, "parse_special": True}
            counted = await client.post(f"{root}/tokenize", cast_to=object, body=asked)
        count = len(wire.as_mapping(counted)["tokens"])
        if len(self._counts) >= _MAX_COUNTS:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = count
        return count
