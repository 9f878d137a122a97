"""The embedded engine's own process: ``python -m lean_agent.models.engine_main FD PATH SETTINGS``.

FD is a listening unix socket that lies at PATH; see ``engine``, which starts this. A user sends
one line, its settings; the answer is one line: the address, or ``{"bye": true}`` when the engine
is about to end. Users are told of how many processes they are, then and whenever that changes. The
process ends ``linger`` seconds after its last user, after ``idle`` seconds without work, and at
once on SIGTERM.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import secrets
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from lean_agent.models.engine_settings import EngineSettings

__all__ = ["main"]

LOAD_SECONDS = 600
# llama.cpp prints from a thread, which _exit would cut short.
LOG_SECONDS = 0.2
# Work is looked for this often, at most.
PROBE_SECONDS = 15.0
SLOTS_TIMEOUT = 2.0


def main() -> NoReturn:
    """Load, serve, and leave without asking the native threads, which may hang in teardown."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    path = Path(sys.argv[2])
    settings = EngineSettings.from_json(sys.argv[3])
    os.chdir("/")
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # whatever the one who started this ignores
    # Loading holds the interpreter lock, so that only the kernel can end a load that hangs.
    signal.alarm(LOAD_SECONDS)
    key = secrets.token_urlsafe(32)
    code = 1
    try:
        server = _load(settings, key)
        signal.alarm(0)
        Desk(listener, path, settings, server.listening_address, key).serve()
        code = 0
    except Exception:  # noqa: BLE001 - the last stop: into the log, and out
        traceback.print_exc()
        time.sleep(LOG_SECONDS)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _load(settings: EngineSettings, key: str) -> Any:
    # Read by the OpenMP runtime when it is loaded. A token takes several hundred barriers; waiting
    # 300,000 rounds at each, its default, one busy neighbour on two cores leaves a third of the
    # speed, waiting 300 a half. On a free machine there is no difference.
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = "300"
    native: Any = importlib.import_module("xllamacpp")
    parameters = native.CommonParams()
    parameters.model.path = settings.weights
    parameters.model_alias = {settings.name}
    parameters.n_ctx = settings.context_tokens * settings.slots
    parameters.n_parallel = settings.slots
    parameters.cache_ram_mib = settings.cache_mib
    # Where a slot has less than this share of a prompt, the engine's copies of prompts are looked
    # at, too. At its default of 0.1 the instructions that all runs share suffice to pass them by: a
    # run that came to a slot after another's short call had all of its context read again.
    parameters.slot_prompt_similarity = 0.5
    if settings.embedding:
        parameters.embedding = True
        # A text's tokens all look at each other, so that no text may be split over two batches.
        parameters.n_batch = parameters.n_ubatch = settings.context_tokens
    parameters.cpuparams.n_threads = _threads()
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.endpoint_slots = True
    parameters.ui = False
    parameters.verbosity = 1  # errors: a warning comes with many a request
    return native.Server(parameters)


def _threads() -> int:
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, psutil.cpu_count(logical=False) or usable or 1))


def _tell(user: socket.socket, what: dict[str, Any]) -> None:
    with suppress(OSError):  # it may have left meanwhile
        user.send(json.dumps(what).encode() + b"\n")


def _process_of(user: socket.socket) -> int:
    """Its process id; where the kernel does not tell, as good as a process of its own."""
    if not hasattr(socket, "SO_PEERCRED"):
        return -user.fileno()
    size = struct.calcsize("3i")
    return struct.unpack("3i", user.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]


class Desk:
    """Tells users where the server is, and counts them by their open connections."""

    def __init__(
        self, listener: socket.socket, path: Path, settings: EngineSettings, url: str, key: str
    ) -> None:
        self._listener = listener
        self._path = path
        self._settings = settings
        self._url = url
        self._key = key
        self._users: dict[socket.socket, int] = {}
        self._told: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._slots = self._ask_slots(LOAD_SECONDS) or []
        self._last_left = self._last_work = time.monotonic()

    def serve(self) -> None:
        """Return when the engine is to end; by then nobody new can find it."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        next_probe = 0.0
        ending = False
        while not ending:
            wake = next_probe
            if not self._users:
                wake = min(wake, self._last_left + self._settings.linger)
            for key, _ in self._selector.select(max(0.0, wake - time.monotonic())):
                if key.fileobj is self._listener:
                    self._welcome()
                elif isinstance(key.fileobj, socket.socket):
                    ending = ending or self._listen_to(key.fileobj)
            now = time.monotonic()
            if now >= next_probe:
                next_probe = now + min(PROBE_SECONDS, self._settings.idle / 4)
                self._probe(now)
            unused = not self._users and now - self._last_left >= self._settings.linger
            ending = ending or unused or now - self._last_work >= self._settings.idle
        self._path.unlink(missing_ok=True)
        # Who connected just before the name vanished must not take this for a crash.
        while (late := self._accept()) is not None:
            _tell(late, {"bye": True})
        # They see the end before the server is gone: the kernel frees the memory first, which takes
        # long enough to begin a call in.
        for user in self._users:
            user.close()

    def _welcome(self) -> None:
        user = self._accept()
        if user is not None:
            self._users[user] = _process_of(user)
            self._selector.register(user, selectors.EVENT_READ)

    def _accept(self) -> socket.socket | None:
        try:
            user, _ = self._listener.accept()
        except OSError:
            return None
        user.setblocking(False)
        return user

    def _listen_to(self, user: socket.socket) -> bool:
        """A user's first line, or its leaving. True if this engine must make room for another."""
        try:
            # One short line in one piece: the kernel does not split it.
            line = user.recv(65_536)
        except BlockingIOError:
            return False
        except OSError:
            line = b""
        if not line:
            was = self._processes()
            del self._users[user]
            self._told.discard(user)
            self._selector.unregister(user)
            user.close()
            self._announce(was)
            self._last_left = time.monotonic()
            return False
        try:
            wanted = EngineSettings.from_json(line.decode())
        except (TypeError, ValueError):
            wanted = None
        if wanted is not None and self._settings.serves(wanted):
            self._settings = replace(self._settings, linger=wanted.linger, idle=wanted.idle)
        elif self._users.keys() == {user}:
            _tell(user, {"bye": True})
            return True
        self._last_work = time.monotonic()
        was = self._processes()
        self._told.add(user)
        told = {
            "url": self._url,
            "key": self._key,
            "pid": os.getpid(),
            "slots": len(self._slots),
            "context_tokens": self._slots[0]["n_ctx"],
            "processes": self._processes(),
        }
        _tell(user, told)
        self._announce(was, newcomer=user)
        return False

    def _processes(self) -> int:
        return len({self._users[user] for user in self._told})

    def _announce(self, was: int, newcomer: socket.socket | None = None) -> None:
        if (now := self._processes()) != was:
            for user in self._told - {newcomer}:
                _tell(user, {"processes": now})

    def _probe(self, now: float) -> None:
        slots = self._ask_slots(SLOTS_TIMEOUT)
        # A server too busy to answer is at work.
        if slots is None or slots != self._slots or any(slot["is_processing"] for slot in slots):
            self._last_work = now
        self._slots = slots or self._slots

    def _ask_slots(self, timeout: float) -> list[dict[str, Any]] | None:
        """The state of each slot; None if there is no answer in time."""
        address = self._url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=timeout)
        try:
            connection.request("GET", "/slots", headers={"Authorization": f"Bearer {self._key}"})
            slots = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        return [
            {name: slot.get(name) for name in ("id", "n_ctx", "is_processing", "id_task")}
            for slot in slots
        ]


if __name__ == "__main__":
    main()
