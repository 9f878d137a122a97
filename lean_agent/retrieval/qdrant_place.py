"""A Qdrant server, or a folder of its local mode: calls off the event loop, errors in our words."""

from __future__ import annotations

import fcntl
import os
import re
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lean_agent._redact import keep_secret
from lean_agent._threads import in_daemon_thread
from lean_agent.errors import ConfigurationError, RetrievalError
from lean_agent.retrieval.turns import in_turn

__all__ = ["CollectionGoneError", "QdrantPlace"]

_Result = TypeVar("_Result")
_API_KEY = "QDRANT_API_KEY"
_SECONDS = 30
_LOCAL_FILE, _LOCK_FILE = "meta.json", ".lock"
_FOR_EXAMPLE = "for example http://127.0.0.1:6333"


class CollectionGoneError(RetrievalError):
    """A collection that was asked for is not there any more."""


class QdrantPlace:
    """It connects at the first call, and again at the first one after ``aclose``.

    ``name`` is where: a server's URL or a folder's path. The local mode (``local``) compares with
    every vector and serves one process, one call at a time.

    Raises:
        ConfigurationError: neither a URL that can be used nor a path.
    """

    def __init__(self, to: str) -> None:
        self.name = to
        self.local: bool = not to.startswith(("http://", "https://"))
        if self.local:
            _check_path(to)
        else:
            _check_url(to)
        self._client: Any = None
        self._opening = threading.Lock()
        self._calling = threading.Lock()

    def is_new(self) -> bool:
        """Whether it is a folder in which nothing was kept so far.

        Raises:
            ConfigurationError: it holds other things.
        """
        folder = Path(self.name)
        if not self.local or (folder / _LOCAL_FILE).is_file():
            return False
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise ConfigurationError(
                f"{self.name} holds other things than Qdrant's",
                hint="give an empty folder, or one that does not exist",
            )
        return True

    async def call(self, work: Callable[[Any], _Result]) -> _Result:
        """What ``work`` gives for the client, in a thread; when cancelled, that is left to itself.

        Raises:
            ConfigurationError: qdrant-client is not installed.
            RetrievalError: no answer, or a refusal.
        """
        # The local mode serves one at a time anyway; threads that wait for it are worth nothing.
        return await (in_turn if self.local else in_daemon_thread)(partial(self._call, work))

    def _call(self, work: Callable[[Any], _Result]) -> _Result:
        with _told(self.name):
            if not self.local:
                return work(self._opened())
            with self._calling:
                return work(self._opened())

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = self._connected()
            return self._client

    def _connected(self) -> Any:
        try:
            import qdrant_client
        except ImportError as error:
            raise ConfigurationError(
                "qdrant-client is not installed", hint='pip install "lean-agent[qdrant]"'
            ) from error
        if self.local:
            _check_free(Path(self.name))
            # Calls take turns here, which is what sqlite's own check is for.
            return qdrant_client.QdrantClient(path=self.name, force_disable_check_same_thread=True)
        headers: dict[str, str] = {}
        if key := os.environ.get(_API_KEY, "").strip():
            keep_secret(key)
            if _in_clear(self.name):
                warnings.warn(f"{_API_KEY} goes to {self.name} unencrypted", stacklevel=2)
            headers["api-key"] = key
        # The check of versions would ask in a thread of its own, and print.
        return qdrant_client.QdrantClient(
            url=self.name, headers=headers, timeout=_SECONDS, check_compatibility=False
        )

    async def aclose(self) -> None:
        """Give the connection or the folder's lock back."""
        await in_daemon_thread(self._close)

    def _close(self) -> None:
        with self._calling, self._opening:
            client, self._client = self._client, None
            if client is not None:
                client.close()


def _check_free(folder: Path) -> None:
    """Refuse a folder that is in use. The library does, too, but leaves a file of it open."""
    with suppress(FileNotFoundError), (folder / _LOCK_FILE).open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RetrievalError(
                f"{folder} is in use", hint="one process at a time, or use a Qdrant server"
            ) from error


def _in_clear(url: str) -> bool:
    """Whether others on the way could read what is sent."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}


def _check_url(to: str) -> None:
    try:
        url = urlsplit(to)
        usable = bool(url.hostname) and url.port != 0
    except ValueError:  # of a port that is no number
        usable = False
    else:
        if url.username is not None or url.password is not None:
            raise ConfigurationError(
                "the URL of a Qdrant server holds a name or a password", hint=f"set {_API_KEY}"
            )
    if not usable:
        raise ConfigurationError(f"not the URL of a server: {to!r}", hint=_FOR_EXAMPLE)


def _check_path(to: str) -> None:
    if not to.strip() or "://" in to or re.fullmatch(r"[\w.-]+:\d+/?", to):
        raise ConfigurationError(f"neither a URL nor a path: {to!r}", hint=_FOR_EXAMPLE)


@contextmanager
def _told(where: str) -> Generator[None]:
    """Errors of the library and of the system in our words."""
    try:
        yield
    except (ConfigurationError, RetrievalError):
        raise
    except Exception as error:
        raise _in_our_words(error, where) from error


def _in_our_words(error: Exception, where: str) -> RetrievalError:
    status: int | None = getattr(error, "status_code", None)
    if status in (401, 403):
        return RetrievalError(f"{where} refuses the key", hint=f"set {_API_KEY}")
    if status == 404 or (isinstance(error, ValueError) and str(error).endswith("not found")):
        return CollectionGoneError(f"{where} does not have the collection any more")
    if status is not None:
        content: bytes = getattr(error, "content", b"")
        said = str(content[:200], "utf-8", "replace")
        return RetrievalError(f"{where} answers with status {status}: {said}")
    if (source := getattr(error, "source", None)) is not None:
        return RetrievalError(
            f"no answer from {where} ({source})", hint="is Qdrant running there, and reachable?"
        )
    return RetrievalError(f"{where}: {error}")
