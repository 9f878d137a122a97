"""Which value counts: a flag, a variable, the profile in the file, the file, or our own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lean_agent.cli.config.file import ConfigFile, config_path, near, read_file
from lean_agent.cli.config.settings import SETTINGS, Setting
from lean_agent.errors import ConfigurationError

__all__ = ["Resolved", "resolve", "run_defaults", "share"]

_PROFILE = "LEAN_AGENT_PROFILE"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A setting's value, and where that comes from: a variable, the file, or "default"."""

    setting: Setting
    value: Any
    source: str

    @property
    def from_file(self) -> bool:
        return self.source not in {"default", self.setting.variable}


def resolve(profile: str | None = None) -> list[Resolved]:
    """Every setting's value before flags; ``profile`` is that of the flag.

    Raises:
        ConfigurationError: the file or a variable is wrong, or there is no such profile.
    """
    file = read_file(config_path())
    chosen = _profile(file, profile)
    return [_resolved(setting, file, chosen) for setting in SETTINGS.values()]


def run_defaults(resolved: Sequence[Resolved]) -> dict[str, Any]:
    """What ``ask`` and ``chat`` take where a flag is left out, by the flag's name."""
    return {
        one.setting.key: str(one.value) if not isinstance(one.value, bool) else one.value
        for one in resolved
        if one.source != "default" and not one.setting.shared
    }


def share(resolved: Sequence[Resolved]) -> None:
    """Set the variables of shared settings to what the file says: every command asks them."""
    for one in resolved:
        if one.setting.shared and one.from_file:
            value = int(one.value) if isinstance(one.value, bool) else one.value
            os.environ[one.setting.variable] = str(value)


def _profile(file: ConfigFile, flag: str | None) -> str | None:
    name = flag or os.environ.get(_PROFILE) or file.profile
    if name is not None and name not in file.profiles:
        raise ConfigurationError(
            f"there is no profile {name!r} in {file.path}", hint=near(name, file.profiles)
        )
    return name


def _resolved(setting: Setting, file: ConfigFile, profile: str | None) -> Resolved:
    if text := os.environ.get(setting.variable):
        # Whoever asks for a shared variable checks it.
        value = text if setting.shared else setting.parse(text, setting.variable)
        return Resolved(setting, value, setting.variable)
    if profile is not None and setting.key in file.profiles[profile]:
        source = f"{file.path.name} [profiles.{profile}]"
        return Resolved(setting, file.profiles[profile][setting.key], source)
    if setting.key in file.settings:
        return Resolved(setting, file.settings[setting.key], file.path.name)
    return Resolved(setting, setting.default, "default")
