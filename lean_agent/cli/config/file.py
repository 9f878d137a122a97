"""The configuration file: read, checked, and every mistake told with its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lean_agent._paths import config_dir
from lean_agent._redact import redact
from lean_agent._toml import read_toml
from lean_agent.cli.config.settings import SERVER_SETTINGS, SETTINGS, Setting
from lean_agent.errors import ConfigurationError

__all__ = ["ConfigFile", "config_path", "near", "read_file"]

_SECRET = re.compile(r"api_?key|secret|password|passwd|(?:^|_)(?:token|key)$", re.I)
_SECRET_HINT = "keep keys out of this file: set the variable, as in OPENAI_API_KEY"  # noqa: S105
_SECRET_PAIR = re.compile(r"key|token|secret|passw|credential|auth|cookie", re.I)
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_PAIR_HINT = "name a variable that holds it: ${NAME}"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What it sets, whatever the profile and by profile; ``profile`` is the one it chooses.

    ``servers`` are the tables [mcp.NAME], by name.
    """

    path: Path
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    profile: str | None = None
    servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def config_path() -> Path:
    """Where the file is, or would be."""
    return config_dir() / "config.toml"


def read_file(path: Path) -> ConfigFile:
    """The checked file; empty where there is none.

    Raises:
        ConfigurationError: naming the file, the line, and the nearest name that means something.
    """
    if (found := read_toml(path)) is None:
        return ConfigFile(path)
    text, data = found
    return _Reader(path, text).file(data)


def near(word: str, known: Iterable[str]) -> str:
    """A hint: the nearest of the names, or all of them."""
    names = sorted(known)
    found = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {found[0]}?" if found else f"known: {', '.join(names) or 'none'}"


class _Reader:
    """One file's text, kept to say which line is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def file(self, data: dict[str, Any]) -> ConfigFile:
        profiles = self._tables(data, "profiles", SETTINGS)
        servers = self._tables(data, "mcp", SERVER_SETTINGS)
        profile: object = data.pop("profile", None)
        if profile is not None and profile not in profiles:
            hint = near(str(profile), profiles)
            raise self._error(f"there is no profile {profile!r}", hint, "profile")
        settings = self._settings(data, SETTINGS)
        return ConfigFile(self._path, settings, profiles, cast("str | None", profile), servers)

    def _tables(
        self, data: dict[str, Any], group: str, known: Mapping[str, Setting]
    ) -> dict[str, Mapping[str, Any]]:
        """The tables [group.NAME], taken out of the data."""
        tables: object = data.pop(group, {})
        if not isinstance(tables, dict):
            raise self._error(f"{group} is not a table", f"write [{group}.NAME]", group)
        found: dict[str, Mapping[str, Any]] = {}
        for name, table in cast("dict[str, Any]", tables).items():
            if not isinstance(table, dict):
                raise self._error(f"{group}.{name} is not a table", f"[{group}.{name}]", name)
            settings = cast("dict[str, Any]", table)
            found[name] = self._settings(settings, known, f"[{group}.{name}]")
        return found

    def _settings(
        self, table: Mapping[str, Any], known: Mapping[str, Setting], *under: str
    ) -> dict[str, Any]:
        return {key: self._value(key, value, known, *under) for key, value in table.items()}

    def _value(self, key: str, value: object, known: Mapping[str, Setting], *under: str) -> Any:
        if key not in known:
            if _SECRET.search(key):
                raise self._error(f"{key} may be a secret", _SECRET_HINT, *under, key)
            raise self._error(f"no setting is called {key!r}", near(key, known), *under, key)
        if any(redact(text) != text for text in _texts_in(value)):
            raise self._error(f"{key} holds what looks like a secret", _SECRET_HINT, *under, key)
        for name, text in _pairs_in(value).items():
            if _SECRET_PAIR.search(name) and "${" not in str(text):
                raise self._error(f"{key}.{name} may be a secret", _PAIR_HINT, *under, key)
        place = self._place(*under, key)
        return known[key].parse(value, place, beside=self._path.parent)

    def _place(self, *at: str) -> str:
        """The line where the words of ``at`` begin one, one after another, as far as they do."""
        line = 0
        for word in at:
            begins = (i for i in range(line, len(self._lines)) if self._begins(i, word))
            line = next(begins, line)
        return f"{self._path}, line {line + 1}"

    def _begins(self, line: int, word: str) -> bool:
        return re.match(rf"{re.escape(word)}(?!\w)", self._lines[line].lstrip(" \t\"'")) is not None

    def _error(self, message: str, hint: str, *at: str) -> ConfigurationError:
        return ConfigurationError(f"{self._place(*at)}: {message}", hint=hint)


def _texts_in(value: object) -> list[str]:
    """The texts that a value holds, those of a table with their names."""
    if isinstance(value, list):
        return [text for one in cast("list[object]", value) for text in _texts_in(one)]
    # What stands in ${...} is the name of a variable, which is no secret.
    pairs = _pairs_in(value).items()
    named = [f"{name}={_VARIABLE.sub('', str(text))}" for name, text in pairs]
    return [value] if isinstance(value, str) else named


def _pairs_in(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
