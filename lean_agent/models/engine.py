"""The user's side of the embedded engine: start it, share it, notice its end.

One llama.cpp server runs per model and user, in a process of its own (``engine_main``), so that a
crash of native code is an error of one call and the weights are in memory once. It listens on a
unix socket; whoever connects is told the HTTP address and its key, and counts as a user until the
connection closes, which the kernel sees to however a user ends. Nothing secret is written down.

Whoever finds no listener starts an engine: it binds the socket under a lock and hands it to the
child, so that others can connect, and wait, from then on.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import engine_settings
from lean_agent.models.engine_settings import EngineSettings

__all__ = ["EngineHandle", "connect"]

ATTEMPTS = 5
LOCK_TIMEOUT = 30.0
EXIT_SECONDS = 5.0
# What a native crash leaves in the log; and what any failed start does, error lines included.
_CRASH = re.compile(r".*GGML_ASSERT.*|what\(\):.*|^[\w.]*Error: .*")
_FAILURE = re.compile(rf"(?<=\d E ).*|{_CRASH.pattern}")
# All agents of a user may wait for one engine to load.
BACKLOG = 1024


class EngineHandle:
    """A lease on a running engine, which ends when nobody holds one any longer.

    ``slots`` and ``context_tokens`` (of each slot) are the running engine's, whatever was asked
    for: another process may have started it. The handle belongs to no event loop.
    ``told`` is what the engine has said of itself, ``heard`` what came after that.
    """

    def __init__(
        self,
        name: str,
        lease: socket.socket,
        process: subprocess.Popen[bytes] | None,
        told: Any,
        heard: bytes = b"",
    ) -> None:
        self.name = name
        self.base_url: str = told["url"] + "/v1"
        self.api_key: str = told["key"]
        self.slots: int = told["slots"]
        self.context_tokens: int = told["context_tokens"]
        self.pid: int = told["pid"]
        # An engine of an older version does not say: then others may use it.
        self._processes: int = told.get("processes", 0)
        self._lease = lease
        self._heard = heard
        self._guard = threading.Lock()
        self._process = process
        self._closer = weakref.finalize(self, lease.close)

    def alive(self) -> bool:
        """False once the engine has ended or the handle is closed."""
        if not self._closer.alive:
            return False
        with self._guard:
            return self._listen()

    def alone(self) -> bool:
        """Whether no other process has a lease on the engine, as far as it has told."""
        return self.alive() and self._processes == 1

    def _listen(self) -> bool:
        """Take in what the engine has sent since; False if it has ended. The guard is held."""
        while True:
            *lines, self._heard = self._heard.split(b"\n")
            for line in lines:
                self._processes = json.loads(line)["processes"]
            try:
                piece = self._lease.recv(65_536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not piece:
                return False
            self._heard += piece

    async def epitaph(self) -> str:
        """Why a dead engine ended, as far as its exit code and its log tell."""
        if self._process is not None:
            # Its connections close before its memory is freed and the exit code is known.
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, EXIT_SECONDS)
        return _epitaph(self.name, self._process, _CRASH)

    async def close(self) -> None:
        """Give the lease back. The HTTP address must not be used after that."""
        self._closer()


async def connect(name: str, *, weights: Path) -> EngineHandle:
    """The running engine of that model, started if need be, once it can serve.

    Raises:
        ConfigurationError: the engine is not installed, or a setting is wrong.
        ModelError: it ended while loading; the message has the reason from its log.
    """
    settings = engine_settings.from_environment(name, weights)
    for _ in range(ATTEMPTS):
        try:
            lease, process = await _attach(settings)
        except OSError as error:
            raise ModelError(f"cannot start the engine: {error}", model=f"local:{name}") from error
        try:
            told, heard = await _ask(lease, settings)
        except BaseException:
            lease.close()
            raise
        if told is not None and "url" in told:
            return EngineHandle(name, lease, process, told, heard)
        lease.close()
        if told is None and process is not None:
            await asyncio.to_thread(process.wait)
            raise ModelError(
                f"the engine ended while loading {name}: {_epitaph(name, process, _FAILURE)}",
                hint=f"see {engine_settings.log_path(name)}",
                model=f"local:{name}",
            )
        # It was about to end, or somebody else's engine failed: try again, with one's own.
    raise ModelError(
        f"the engine of {name} ends whenever it is asked",
        hint=f"see {engine_settings.log_path(name)}",
        model=f"local:{name}",
        retryable=True,
    )


async def _attach(
    settings: EngineSettings,
) -> tuple[socket.socket, subprocess.Popen[bytes] | None]:
    """A connection to the listener, and the process if this call started it."""
    path = engine_settings.socket_path(settings.name)
    if (lease := _knock(path)) is not None:
        return lease, None
    lock = FileLock(path.with_suffix(".lock"))
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            with lock.acquire(timeout=0):
                # Somebody else may have started one since.
                if (lease := _knock(path)) is not None:
                    return lease, None
                return _start(settings, path)
        except Timeout:
            if time.monotonic() > deadline:
                raise ModelError(
                    f"another process has held {lock.lock_file} for {LOCK_TIMEOUT:g} s",
                    retryable=True,
                ) from None
        await asyncio.sleep(0.02)


def _knock(path: Path) -> socket.socket | None:
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    lease.setblocking(False)
    try:
        lease.connect(str(path))
    except OSError as error:
        lease.close()
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return None
        raise
    return lease


def _start(settings: EngineSettings, path: Path) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigurationError(
            "the embedded engine is not installed", hint="install lean-agent[local]"
        )
    log = engine_settings.log_path(settings.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, log.open("wb") as output:
        listener.bind(str(path))
        listener.listen(BACKLOG)
        process = subprocess.Popen(  # noqa: S603 - this package's own module
            [
                *(sys.executable, "-P", "-m", "lean_agent.models.engine_main"),
                *(str(listener.fileno()), str(path), settings.to_json()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal of the one who started it is not meant for it.
            start_new_session=True,
            pass_fds=[listener.fileno()],
        )
        # Reaps the engine whenever it ends, so that it never stays behind as a zombie.
        threading.Thread(target=process.wait, name="engine-reaper", daemon=True).start()
        lease = _knock(path)
    if lease is None:
        raise ModelError(f"cannot connect to {path}", retryable=True)
    return lease, process


async def _ask(
    lease: socket.socket, settings: EngineSettings
) -> tuple[dict[str, Any] | None, bytes]:
    """What the engine tells a new user once it is loaded, and what it has sent after that.

    None if it ended before.
    """
    loop = asyncio.get_running_loop()
    received = b""
    try:
        await loop.sock_sendall(lease, settings.to_json().encode() + b"\n")
        while b"\n" not in received:
            piece = await loop.sock_recv(lease, 65_536)
            if not piece:
                return None, b""
            received += piece
    except ConnectionError:
        return None, b""
    line, _, heard = received.partition(b"\n")
    return json.loads(line), heard


def _epitaph(name: str, process: subprocess.Popen[bytes] | None, reason: re.Pattern[str]) -> str:
    parts: list[str] = []
    if process is not None and process.returncode is not None and process.returncode < 0:
        number = signal.Signals(-process.returncode)
        memory = " (out of memory?)" if number == signal.SIGKILL else ""
        parts.append(f"killed by {number.name}{memory}")
    log = engine_settings.log_path(name)
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # The first one: llama.cpp goes on to complain of what follows from it.
    parts += [found[0].strip() for line in lines if (found := reason.search(line))][:1]
    return "; ".join(parts) or f"no reason in {log}"
