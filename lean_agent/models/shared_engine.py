"""A client of the embedded engine: starts it when needed, gives it back. Spec: local-stack."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from lean_agent.errors import ConfigurationError, ModelError, ModelTimeoutError
from lean_agent.models import catalog, engine, weights
from lean_agent.models.engine import EngineHandle

__all__ = ["SharedEngine"]

# The HTTP connection of an engine that was killed breaks off a moment before its lease does.
DEATH_SECONDS = 1.0


class _Closeable(Protocol):
    async def aclose(self) -> None: ...


_Client = TypeVar("_Client", bound=_Closeable)


@dataclass(frozen=True, slots=True)
class _Session(Generic[_Client]):
    handle: EngineHandle
    client: _Client


class SharedEngine(Generic[_Client]):
    """The engine of one model, with a client that ``make_client`` makes for it.

    It is started at the first call and again at the first call after its end; a call during which
    it ends fails with a retryable ModelError. The object may be used from several event loops;
    ``aclose`` gives the engine back and leaves the object usable.

    With ``auto_pull`` missing weights are downloaded at the first call: ``progress`` gets the bytes
    done and in all, ``notify`` a line, both in a worker thread.
    """

    def __init__(
        self,
        name: str,
        make_client: Callable[[EngineHandle], _Client],
        *,
        auto_pull: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._weights = catalog.get(name)
        self._make_client = make_client
        self._auto_pull = auto_pull
        self._progress = progress
        self._notify = notify
        self._session: _Session[_Client] | None = None
        self._guard = threading.Lock()
        self._calls = 0

    @asynccontextmanager
    async def call(self) -> AsyncGenerator[_Client]:
        """The client, for one call.

        Raises:
            ConfigurationError: missing or broken weights, or the engine is not installed.
            ModelError: the call's own, or one that says that the engine has ended.
        """
        session = await self._connected()
        try:
            with self._in_use():
                yield session.client
        except ModelError as error:
            raise await self._explained(session.handle, error) from None

    @property
    def client(self) -> _Client | None:
        """The client of the engine that runs; None before the first call and after its end."""
        session = self._session
        return session.client if session is not None and session.handle.alive() else None

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

    async def _connected(self) -> _Session[_Client]:
        session = self._session
        if session is not None and session.handle.alive():
            return session
        handle = await engine.connect(self._weights.name, weights=await self._file())
        client = self._make_client(handle)
        with self._guard:
            spare: _Session[_Client] | None = _Session(handle, client)
            # Calls that began together have each connected, to the same engine: one is enough.
            if self._session is None or not self._session.handle.alive():
                spare, self._session = self._session, spare
            session = self._session
        if spare is not None:
            await spare.client.aclose()
            await spare.handle.close()
        return session

    async def _file(self) -> Path:
        """What the engine loads: the weights themselves, or what is made of them."""
        name = self._weights.name
        path = weights.find(name)
        if path is None:
            if not self._auto_pull:
                raise ConfigurationError(
                    f"the weights of {name} are not here",
                    hint=f"run: lean-agent models pull {name}",
                )
            path = await self._pull()
        if self._weights.kind == "embedding":
            from lean_agent.models.bert_gguf import converted

            return await asyncio.to_thread(converted, name)
        return path

    async def _pull(self) -> Path:
        given_up = threading.Event()

        def progress(done: int, total: int) -> None:
            if given_up.is_set():
                raise asyncio.CancelledError
            self._progress(done, total)

        try:
            return await asyncio.to_thread(
                weights.pull,
                self._weights.name,
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
            f"the engine of {self._weights.name} ended: {await handle.epitaph()}",
            hint="the next call starts it again",
            usage=error.usage,
            model=f"local:{self._weights.name}",
            retryable=True,
        )
