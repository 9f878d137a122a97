"""What an embedded engine is started with, and where its users find it.

Read by both sides: ``engine`` (the users) and ``engine_main`` (the child process).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from platformdirs import PlatformDirs

from lean_agent._paths import state_dir
from lean_agent.errors import ConfigurationError
from lean_agent.models import catalog

__all__ = [
    "EngineSettings",
    "context_tokens",
    "from_environment",
    "log_path",
    "runtime_dir",
    "socket_path",
]

# A few texts at once fill the processor; each slot costs memory.
_EMBEDDING_SLOTS = 4

_Number = TypeVar("_Number", int, float)

# sockaddr_un holds 108 bytes on Linux, 104 elsewhere, with the closing zero.
SOCKET_PATH_BYTES = 103


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """``context_tokens`` is what each of the ``slots`` has; ``cache_mib`` bounds the copies of
    prompts kept in memory besides. ``linger`` and ``idle`` are in seconds: how long the engine
    stays without a user, and how long with users that ask nothing. With ``embedding`` it serves
    vectors instead of text.
    """

    name: str
    weights: str
    embedding: bool
    context_tokens: int
    slots: int
    cache_mib: int
    linger: float
    idle: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> EngineSettings:
        """The settings of that text.

        Raises:
            ValueError: it is not JSON.
            TypeError: it is another version's.
        """
        return cls(**json.loads(text))

    def serves(self, wanted: EngineSettings) -> bool:
        """Whether an engine with these settings is as good as a new one; times can be changed."""
        return self == replace(wanted, linger=self.linger, idle=self.idle)


def from_environment(name: str, weights: Path) -> EngineSettings:
    """The settings that LEAN_AGENT_ENGINE_* ask for; an embedding model takes but the times.

    Raises:
        ConfigurationError: a value is no number, or out of range.
    """
    embedding = catalog.get(name).kind == "embedding"
    return EngineSettings(
        name=name,
        weights=str(weights.resolve()),
        embedding=embedding,
        context_tokens=context_tokens(name),
        slots=_EMBEDDING_SLOTS if embedding else _setting("SLOTS", int, 2, 1, 64),
        cache_mib=0 if embedding else _setting("CACHE_MIB", int, 1024, 0, 1 << 20),
        linger=_setting("LINGER", float, 20.0, 0, 86_400),
        idle=_setting("IDLE", float, 1800.0, 1, 7 * 86_400),
    )


def context_tokens(name: str) -> int:
    """How long a context each slot of an engine is to have, at most what the model can take.

    Raises:
        ConfigurationError: LEAN_AGENT_ENGINE_CONTEXT is no number, or out of range.
    """
    weights = catalog.get(name)
    longest = weights.context_tokens
    if weights.kind == "embedding":
        return longest
    return _setting("CONTEXT", int, min(8192, longest), 256, longest)


def _setting(
    name: str, kind: Callable[[str], _Number], default: _Number, least: _Number, most: _Number
) -> _Number:
    variable = f"LEAN_AGENT_ENGINE_{name}"
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        value = kind(text)
    except ValueError:
        whole = "whole " if kind is int else ""
        raise ConfigurationError(f"{variable}={text} is not a {whole}number") from None
    if not least <= value <= most:
        raise ConfigurationError(f"{variable}={text} is not between {least} and {most}")
    return value


def runtime_dir() -> Path:
    """The folder for sockets and locks: on this host, this user's, closed to everybody else.

    Raises:
        ConfigurationError: somebody else owns it or may look inside.
    """
    with warnings.catch_warnings():
        # It warns where there is no XDG_RUNTIME_DIR, though what it falls back on is as good.
        warnings.simplefilter("ignore")
        try:
            folder = Path(PlatformDirs("lean-agent", appauthor=False).user_runtime_dir)
        except PermissionError as error:
            raise ConfigurationError(str(error), hint="set XDG_RUNTIME_DIR") from error
    return _private(folder)


def socket_path(name: str) -> Path:
    """Where the engine of that model listens for its users."""
    path = runtime_dir() / f"{name}.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    short = _private(Path(tempfile.gettempdir()) / f"lean-agent-{os.getuid()}") / f"{digest}.sock"
    if len(os.fsencode(short)) > SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"too long for the path of a socket: {short}", hint="set XDG_RUNTIME_DIR or TMPDIR"
        )
    return short


def log_path(name: str) -> Path:
    """What the engine prints; the log of the engine before it ends in ``.1``."""
    return state_dir() / "engine" / f"{name}.log"


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if (
        not stat.S_ISDIR(about.st_mode)
        or about.st_uid != os.getuid()
        or stat.S_IMODE(about.st_mode) & 0o077
    ):
        raise ConfigurationError(
            f"{folder} must be a folder of yours that nobody else can open",
            hint=f"chmod 700 {folder}, or set XDG_RUNTIME_DIR",
        )
    return folder
