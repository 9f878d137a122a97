"""Answers kept on disk, so that the same request is paid for once. Spec: ledger ("Entries").

A row is the hash of a request and the answer to it; the prompt itself is not kept. SQLite lets any
number of threads and processes share the file, and each operation has a connection of its own:
nothing is left open, and a fork is safe.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from lean_agent.errors import ConfigurationError
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models.wire import request_body

__all__ = ["AnswerStore", "ResponseCache"]

_VERSION = 1
_MAX_BYTES = 256 * 2**20
_BUSY_SECONDS = 5.0
_USED_SECONDS = 3600
"""How exactly the last use of an answer is known: a hit is a write once in that time only."""

_TABLE = """
    CREATE TABLE IF NOT EXISTS answers (
        key TEXT PRIMARY KEY, used REAL NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS answers_used ON answers (used);
"""


class AnswerStore(Protocol):
    """What the runtime asks of whatever serves answers that were paid for before.

    ``get`` and ``put`` may block; they are called in a thread.
    """

    def key(self, model_name: str, base_url: str | None, request: ModelRequest) -> str: ...

    def keeps(self, request: ModelRequest, response: ModelResponse) -> bool: ...

    def get(self, key: str) -> ModelResponse | None: ...

    def put(self, key: str, response: ModelResponse) -> None: ...

    def take_notices(self) -> list[str]: ...


class ResponseCache:
    """Answers by request, in the SQLite file ``path``, which is made when the first one is kept.

    Once the file is larger than ``max_bytes`` (256 MB, about 100,000 answers), the answers that
    were used longest ago go. A file or row that cannot be read or written is as good as no answer:
    no method but ``clear`` raises, ``take_notices`` tells the user once.
    """

    def __init__(self, path: Path | str, *, max_bytes: int = _MAX_BYTES) -> None:
        # Absolute, so that a later change of the current folder does not lose it.
        self.path: Path = Path(path).absolute()
        self._max_bytes = max_bytes
        self._guard = threading.Lock()
        self._notices: list[str] = []
        self._told: set[str] = set()

    @staticmethod
    def key(model_name: str, base_url: str | None, request: ModelRequest) -> str:
        """SHA-256 of all that shapes the answer: the model, its address, and what is sent to it.

        The timeout, the slot and how far the run is do not. The order of a schema's keys does: the
        model reads it.
        """
        body = request_body(
            replace(request, slot=None), model=model_name, stream=False, llama_cpp=True
        )
        asked = [_VERSION, (base_url or "").rstrip("/"), body]
        return sha256(json.dumps(asked, separators=(",", ":"), default=dict).encode()).hexdigest()

    @staticmethod
    def keeps(request: ModelRequest, response: ModelResponse) -> bool:
        """Whether the answer may stand for every later one to the same request.

        Only a whole answer: one that was cut off, filtered or aborted is worth another try. And
        only where the request asks for the same answer each time, with temperature 0 or a seed:
        whoever samples (several answers to vote on, another try after a bad one) wants them to
        differ.
        """
        repeatable = request.temperature == 0 or request.seed is not None
        return repeatable and response.finish_reason in {"stop", "tool_calls"}

    def get(self, key: str) -> ModelResponse | None:
        """The answer that was kept, as it was; None without one."""
        try:
            if not self.path.exists():
                return None
            with self._opened() as connection:
                found = connection.execute(
                    "SELECT used, digest, answer FROM answers WHERE key = ?", (key,)
                ).fetchone()
                return None if found is None else self._read(connection, key, *found)
        except (sqlite3.Error, OSError) as error:
            self._tell(error)
            return None

    def put(self, key: str, response: ModelResponse) -> None:
        """Keep an answer; one larger than the whole cache is not kept."""
        answer = json.dumps(response.to_dict()).encode()
        if len(answer) > self._max_bytes:
            return
        try:
            with self._opened() as connection, _transaction(connection):
                connection.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                    (key, time.time(), sha256(answer).digest(), answer),
                )
                self._evict(connection)
        except (sqlite3.Error, OSError) as error:
            self._tell(error)

    def clear(self) -> None:
        """Forget every answer.

        Raises:
            ConfigurationError: the file cannot be written, or is no response cache.
        """
        try:
            if self.path.exists():
                with self._opened() as connection:
                    connection.execute("DELETE FROM answers")
                    connection.execute("VACUUM")
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(
                f"the response cache {self.path} cannot be cleared: {error}",
                hint="delete the file if it is one",
            ) from None

    def take_notices(self) -> list[str]:
        """What the user should be told since the last call, one line each."""
        with self._guard:
            notices, self._notices = self._notices, []
        return notices

    def _read(
        self, connection: sqlite3.Connection, key: str, used: float, digest: bytes, answer: bytes
    ) -> ModelResponse | None:
        try:
            intact = sha256(answer).digest() == digest
            fresh = abs(time.time() - used) < _USED_SECONDS
        except TypeError:
            intact = fresh = False
        if not intact:
            response = None
            self._note(f"an answer in the response cache {self.path} is damaged and was not used")
            change, values = "DELETE FROM answers WHERE key = ?", (key,)
        else:
            response = ModelResponse.from_dict(json.loads(answer))
            if fresh:
                return response
            change, values = "UPDATE answers SET used = ? WHERE key = ?", (time.time(), key)
        with contextlib.suppress(sqlite3.Error):
            connection.execute(change, values)
        return response

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Before SQLite does, which would let others read what models answered.
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(self.path, _BUSY_SECONDS, isolation_level=None)) as connection:
            if _number(connection, "user_version") != _VERSION:
                _create(connection)
            # It is the file's, and refused at once while others are at work: they have made it so.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Drop the tenth that was used longest ago until the rest fits."""
        size = _number(connection, "page_size")
        while (
            _number(connection, "page_count") - _number(connection, "freelist_count")
        ) * size > self._max_bytes:
            dropped = connection.execute(
                "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY used "
                "LIMIT (SELECT count(*) / 10 + 1 FROM answers))"
            ).rowcount
            if not dropped:
                return

    def _tell(self, error: Exception) -> None:
        # OperationalError is the machine's fault (a full disk, a lock), its parent the file's.
        broken = type(error) is sqlite3.DatabaseError
        self._note(
            f"the response cache {self.path} cannot be used ({error}): calls are made and paid "
            f"for without it{'; delete the file to begin a new one' if broken else ''}"
        )

    def _note(self, notice: str) -> None:
        with self._guard:
            if notice not in self._told:
                self._told.add(notice)
                self._notices.append(notice)


def _create(connection: sqlite3.Connection) -> None:
    with _transaction(connection):
        version = _number(connection, "user_version")
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version not in {0, _VERSION} or (version == 0 and tables):
            raise sqlite3.DatabaseError("written by another version or another program")
        for statement in _TABLE.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return connection.execute(f"PRAGMA {pragma}").fetchone()[0]
