"""A Ray cluster for one run: the one that RAY_ADDRESS names, or one of this machine's own."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

from lean_agent import ConfigurationError, LeanAgentError
from lean_agent._threads import to_its_end

__all__ = ["BUSY_HINT", "cluster", "load_ray"]

_ADDRESS = "RAY_ADDRESS"
_KNOCK_SECONDS = 5.0
_FREE_SECONDS = 10.0
BUSY_HINT = f"wait until others are done, or unset {_ADDRESS} for a cluster of this machine's own"
_LONGEST_ROOT = 23
"""In bytes. A socket's path has 107: our folder adds 20 to it, Ray up to 64."""
_STORE_BYTES = 128 * 1024 * 1024
"""For what is too large to go with a message; Ray would take a third of the memory."""


@asynccontextmanager
async def cluster(cpus: int) -> AsyncGenerator[int]:
    """How many CPUs it has free: a cluster of our own is given ``cpus``, and ends with the block.

    It listens on loopback only, and to nobody without its token. What a caller has connected to
    with ``ray.init`` is used, and left as it is.

    Raises:
        ConfigurationError: there is no cluster where RAY_ADDRESS says, or it has no CPU free; or
            Ray was loaded for another kind of cluster; or no folder for temporary files has a
            path that is short enough.
        LeanAgentError: Ray does not start.
    """
    if (loaded := sys.modules.get("ray")) and loaded.is_initialized():
        yield await _free_cpus(loaded)
        return
    if address := os.environ.get(_ADDRESS):
        await asyncio.to_thread(_refuse_unreachable, address)
    ray, for_our_own = await asyncio.to_thread(_loaded)
    if for_our_own == bool(address):
        raise ConfigurationError(
            "Ray is loaded already, and only then reads how to listen and whom to trust",
            hint="use a new process, or connect with ray.init yourself",
        )
    with tempfile.TemporaryDirectory(prefix="lean-agent-", dir=_short_root()) as folder:
        try:
            # Ray's processes end with the thread that started them, and these last with the loop.
            await to_its_end(asyncio.to_thread(_connect, ray, cpus, folder))
            yield await _free_cpus(ray)
        finally:
            await to_its_end(asyncio.to_thread(ray.shutdown))


def load_ray() -> Any:
    """The library."""
    return _loaded()[0]


@cache
def _loaded() -> tuple[Any, bool]:
    """Ray, and whether it was loaded with the settings of a cluster of our own."""
    for_our_own = "ray" not in sys.modules and not os.environ.get(_ADDRESS)
    with _environment(_settings()):
        import ray
    return ray, for_our_own


def _connect(ray: Any, cpus: int, folder: str) -> None:
    address = os.environ.get(_ADDRESS)
    where: dict[str, Any] = {"address": address}
    if not address:
        where = {
            "address": "local",
            "num_cpus": cpus,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_temp_dir": folder,
        }
    try:
        with _environment(_settings()):
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        if address:
            raise _unreachable(address, error) from error
        raise LeanAgentError(f"Ray does not start: {error}") from error


def _refuse_unreachable(address: str) -> None:
    """Ray itself would try for a quarter of an hour, and cannot be interrupted."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"no Ray cluster answers at {address}: {error}",
        hint=f"start it, or unset {_ADDRESS} for one of this machine",
    )


async def _free_cpus(ray: Any) -> int:
    """Those that nothing runs on, once there is one: a run before this may have just let go."""
    until = time.monotonic() + _FREE_SECONDS
    while not (free := int((await asyncio.to_thread(ray.available_resources)).get("CPU", 0))):
        if time.monotonic() > until:
            raise ConfigurationError("the Ray cluster has no CPU free", hint=BUSY_HINT)
        await asyncio.sleep(0.2)
    return free


def _short_root() -> str:
    """Where temporary files go, if Ray's sockets can lie below it; else /tmp.

    Raises:
        ConfigurationError: /tmp cannot be written to.
    """
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= _LONGEST_ROOT:
        return usual
    if os.access("/tmp", os.W_OK | os.X_OK):  # noqa: S108 - what is made there is ours alone
        return "/tmp"  # noqa: S108
    raise ConfigurationError(
        f"the path {usual} is too long for Ray's sockets",
        hint=f"set TMPDIR to a folder with a path of {_LONGEST_ROOT} bytes or fewer",
    )


def _settings() -> Mapping[str, str]:
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` it would upload the current folder
        "RAY_DEDUP_LOGS_SKIP_REGEX": "^",  # no line of a worker's goes to our standard output
    }
    if os.environ.get(_ADDRESS):
        return quiet
    return {
        **quiet,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what binds it to loopback, on Linux too
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": _token(),  # else one is written to the user's home
    }


@cache
def _token() -> str:
    """Ray keeps the first that it reads, so it stays the same for this process."""
    return secrets.token_hex(32)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Generator[None]:
    """For Ray to read, and its processes to be born with."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
