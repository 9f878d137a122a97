"""``local:NAME``: a chat model of the catalogue in the embedded engine. Spec: local-stack."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.messages import Message
from lean_agent.model import ModelCard, ModelRequest, ModelResponse, StreamEvent
from lean_agent.models import catalog, engine_settings
from lean_agent.models.engine import EngineHandle
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.queued_client import QueuedClient
from lean_agent.models.shared_engine import SharedEngine
from lean_agent.models.tokens import prompt_bound
from lean_agent.tool_spec import ToolSpec

__all__ = ["LocalModel"]


class LocalModel:
    """A model that runs on this machine, in an engine shared with the user's other processes.

    The engine is started at the first call, which waits for it besides the request's timeout, and
    again at the first call after its end. A call during which it ends fails with a retryable
    ModelError. While all its slots are taken calls wait here, and the one of highest priority is
    next (``schedule``), whichever object of this process it came by. The object may be used from
    several event loops; ``aclose`` gives the engine back and leaves the object usable.

    With ``auto_pull`` missing weights are downloaded at the first call: ``progress`` gets the bytes
    done and in all, ``notify`` a line, both in a worker thread.

    Raises:
        ConfigurationError: the name is not of a chat model in the catalogue; at a call: missing or
            broken weights.
    """

    def __init__(
        self,
        name: str,
        *,
        auto_pull: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        if catalog.get(name).kind != "chat":
            raise ConfigurationError(
                f"local:{name} is an embedder, not a chat model",
                hint="take one that models list shows as chat",
            )
        self._name = f"local:{name}"
        self._card = _card(engine_settings.context_tokens(name))
        self._engine = SharedEngine(
            name, self._client, auto_pull=auto_pull, progress=progress, notify=notify
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> ModelCard:
        """The context is the running engine's; before the first call, what will be asked for."""
        return self._card

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """One answer, whole."""
        async with self._engine.call() as client:
            return await client.generate(_without_blanks(request))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """Text as it comes, then ``Completed``; closing it early ends the engine's work on it."""
        async with (
            self._engine.call() as client,
            aclosing(client.stream(_without_blanks(request))) as events,
        ):
            async for event in events:
                yield event

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """The engine's own count; without an engine, the prompt's bytes bound it."""
        try:
            async with self._engine.call() as client:
                return await client.count_tokens(messages, tools)
        except LeanAgentError:
            return prompt_bound(messages, tools)

    async def aclose(self) -> None:
        """Give the engine back, unless another loop's call is in flight: its closing does it."""
        await self._engine.aclose()

    def free_slots(self) -> int:
        """How many calls would be taken up at once; 0 where the engine has yet to start."""
        client = self._engine.client
        return client.free_slots() if client is not None else 0

    def _client(self, handle: EngineHandle) -> QueuedClient:
        self._card = _card(handle.context_tokens)
        client = OpenAICompatibleModel(
            self._name,
            base_url=handle.base_url,
            api_key=handle.api_key,
            card=self._card,
            dialect="llama_cpp",
        )
        return QueuedClient(client, handle)


def _without_blanks(request: ModelRequest) -> ModelRequest:
    """A response schema as a grammar that allows no white space between its tokens.

    The engine is built with llguidance, which takes a schema inside a grammar; through the
    server's own ``response_format`` blanks stay allowed, and small models run on in them.
    """
    if request.response_schema is None:
        return request
    schema = {**request.response_schema, "x-guidance": {"whitespace_flexible": False}}
    grammar = f"%llguidance {{}}\nstart: %json {json.dumps(schema, ensure_ascii=False)}"
    return replace(request, response_schema=None, grammar=grammar)


def _card(context_tokens: int) -> ModelCard:
    return ModelCard(context_tokens=context_tokens, grammar=True, logprobs=True, self_hosted=True)
