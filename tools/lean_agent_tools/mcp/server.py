"""One MCP server as the user names it: a program to start, or an address."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lean_agent._redact import keep_secret, redact
from lean_agent.errors import ConfigurationError

__all__ = ["Filled", "MCPServer"]

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9-])*")
_NAME_CHARS = 24
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Filled:
    """``env`` and ``headers`` as they are sent; ``secrets`` are what must be shown nowhere."""

    env: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MCPServer:
    """``command`` with its ``args`` is started and talked to by its standard streams; ``url`` is
    the address of one that speaks streamable HTTP.

    ``name`` stands before the names of its tools (``name__tool``). In the values of ``env`` and
    ``headers`` ``${NAME}`` stands for an environment variable, and is taken for a secret. Of this
    process's environment a program gets what it needs to run (PATH, HOME, ...) and ``env``, no
    keys. ``seconds`` is what a call may take, ``start_seconds`` what the server may take to tell
    its tools. ``trust_annotations``: a tool that the server calls read-only has no side effects,
    and needs no yes.

    Raises:
        ConfigurationError: the parts do not make a server.
    """

    name: str
    command: str = ""
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    trust_annotations: bool = False
    seconds: float = 60.0
    start_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > _NAME_CHARS:
            raise ConfigurationError(
                f"{self.name!r} cannot be the name of an MCP server",
                hint=f"a letter, then letters, digits, - and single _: {_NAME_CHARS} at most",
            )
        if bool(self.command) == bool(self.url):
            raise self._wrong("it needs a command or a url, and not both")
        if self.url and (self.args or self.env):
            raise self._wrong("args and env are for a command, not for a url")
        if self.command and self.headers:
            raise self._wrong("headers are for a url, not for a command")
        if self.url:
            self._check_url()
        for what, value in (("seconds", self.seconds), ("start_seconds", self.start_seconds)):
            if not math.isfinite(value) or value <= 0:
                raise self._wrong(f"{what} must be above 0, not {value}")

    @classmethod
    def of(cls, text: str) -> MCPServer:
        """The server at an address, or that a command line starts, called as its program or host.

        Raises:
            ConfigurationError: it is neither.
        """
        if text.startswith(("http://", "https://")):
            return cls(name=_named(urlsplit(text).hostname or ""), url=text)
        try:
            command, *args = shlex.split(text)
        except ValueError as error:
            raise ConfigurationError(
                f"{text!r} is no command line of an MCP server", hint="close its quotes"
            ) from error
        return cls(name=_named(Path(command).stem), command=command, args=args)

    def filled(self) -> Filled:
        """With the variables' values, which are kept out of logs and records from now on.

        Raises:
            ConfigurationError: a variable is not set.
        """
        secrets: list[str] = []
        env = {name: self._value(name, text, secrets) for name, text in self.env.items()}
        # A literal header is most likely a key too, alone or after a word such as Bearer.
        headers = {name: self._value(name, text, secrets) for name, text in self.headers.items()}
        for value in headers.values():
            secrets += {value, value.split()[-1] if value.split() else value}
        for name, value in env.items():
            if redact(f"{name}={value}") != f"{name}={value}":
                secrets.append(value)
        kept = tuple(sorted({s for s in secrets if len(s) >= 8}, key=len, reverse=True))
        for secret in kept:
            keep_secret(secret)
        return Filled(env, headers, kept)

    def _value(self, name: str, text: str, secrets: list[str]) -> str:
        def value(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if not found:
                raise self._wrong(f"{name} wants the variable {match[1]}, which is not set")
            secrets.append(found)
            return found

        return _VARIABLE.sub(value, text)

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise self._wrong("its url must begin with https:// or http:// and name a host")

    def _wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"MCP server {self.name}: {what}")


def _named(text: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "_".join(words)[:_NAME_CHARS].strip("_")
    return name if name[:1].isalpha() else f"server_{name}"[:_NAME_CHARS].strip("_")
