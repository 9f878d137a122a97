"""``local:NAME``: a model of the catalogue in the embedded engine. Spec: local-stack."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lean_agent.errors import ConfigurationError, LeanAgentError, ModelError, ModelTimeoutError
from lean_agent.messages import Message
from lean_agent.model import ModelCard, ModelRequest, ModelResponse, StreamEvent
from lean_agent.models import engine, engine_settings, weights
from lean_agent.models.engine import EngineHandle
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.tokens import prompt_bound
from lean_agent.tool_spec import ToolSpec

__all__ = ["LocalModel"]

# The HTTP connection of an engine that was killed breaks off a moment before its lease does.
DEATH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Session:
    handle: EngineHandle
    client: OpenAICompatibleModel


class LocalModel:
    """A model that runs on this machine, in an engine shared with the user's other processes.

    The engine is started at the first call, which waits for it besides the request's timeout, and
    again at the first call after its end. A call during which it ends fails with a retryable
    ModelError. The object may be used from several event loops; ``aclose`` gives the engine back
    and leaves the object usable.

    With ``auto_pull`` missing weights are downloaded at the first call: ``progress`` gets the bytes
    done and in all, ``notify`` a line, both in a worker thread.

    Raises:
        ConfigurationError: the name is not in the catalogue; at a call: missing or broken weights.
    """

    def __init__(
        self,
        name: str,
        *,
        auto_pull: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._weights_name = name
        self._auto_pull = auto_pull
        self._progress = progress
        self._notify = notify
        self._card = _card(engine_settings.context_tokens(name))
        self._session: _Session | None = None
        self._guard = threading.Lock()
        self._calls = 0

    @property
    def name(self) -> str:
        return f"local:{self._weights_name}"

    @property
    def card(self) -> ModelCard:
        """The context is the running engine's; before the first call, what will be asked for."""
        return self._card

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """One answer, whole."""
        session = await self._connected()
        try:
            with self._in_use():
                return await session.client.generate(_without_blanks(request))
        except ModelError as error:
            raise await self._explained(session.handle, error) from None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """Text as it comes, then ``Completed``; closing it early ends the engine's work on it."""
        session = await self._connected()
        try:
            with self._in_use():
                async with aclosing(session.client.stream(_without_blanks(request))) as events:
                    async for event in events:
                        yield event
        except ModelError as error:
            raise await self._explained(session.handle, error) from None

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """The engine's own count; without an engine, the prompt's bytes bound it."""
        try:
            session = await self._connected()
        except LeanAgentError:
            return prompt_bound(messages, tools)
        return await session.client.count_tokens(messages, tools)

    async def aclose(self) -> None:
        """Give the engine back, unless another loop's call is in flight: its closing does it."""
        with self._guard:
            session = self._session
            if not self._calls:
                self._session = None
        if session is not None:
            await session.client.aclose()
            if self._session is None:
                await session.handle.close()

    @contextmanager
    def _in_use(self) -> Generator[None]:
        with self._guard:
            self._calls += 1
        try:
            yield
        finally:
            with self._guard:
                self._calls -= 1

    async def _connected(self) -> _Session:
        session = self._session
        if session is not None and session.handle.alive():
            return session
        handle = await engine.connect(self._weights_name, weights=await self._file())
        card = _card(handle.context_tokens)
        client = OpenAICompatibleModel(
            self.name,
            base_url=handle.base_url,
            api_key=handle.api_key,
            card=card,
            dialect="llama_cpp",
        )
        with self._guard:
            spare = _Session(handle, client)
            # Calls that began together have each connected, to the same engine: one is enough.
            if self._session is None or not self._session.handle.alive():
                spare, self._session, self._card = self._session, spare, card
            session = self._session
        await _end(spare)
        return session

    async def _file(self) -> Path:
        path = weights.find(self._weights_name)
        if path is not None:
            return path
        if self._auto_pull:
            return await self._pull()
        raise ConfigurationError(
            f"the weights of {self._weights_name} are not here",
            hint=f"run: lean-agent models pull {self._weights_name}",
        )

    async def _pull(self) -> Path:
        given_up = threading.Event()

        def progress(done: int, total: int) -> None:
            if given_up.is_set():
                raise asyncio.CancelledError
            self._progress(done, total)

        try:
            return await asyncio.to_thread(
                weights.pull,
                self._weights_name,
                source="auto",
                progress=progress,
                notify=self._notify,
            )
        finally:
            # A cancelled call must not leave its thread downloading.
            given_up.set()

    async def _explained(self, handle: EngineHandle, error: ModelError) -> ModelError:
        """The same error, or one that says that the engine has ended."""
        deadline = time.monotonic()
        if error.status is None and not isinstance(error, ModelTimeoutError):
            deadline += DEATH_SECONDS
        while handle.alive():
            if time.monotonic() >= deadline:
                return error
            await asyncio.sleep(0.02)
        return ModelError(
            f"the engine of {self._weights_name} ended: {await handle.epitaph()}",
            hint="the next call starts it again",
            usage=error.usage,
            model=self.name,
            retryable=True,
        )


async def _end(session: _Session | None) -> None:
    if session is not None:
        await session.client.aclose()
        await session.handle.close()


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
    return ModelCard(context_tokens=context_tokens, grammar=True, self_hosted=True)
