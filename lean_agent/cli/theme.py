"""Colours by what they are for. Whatever a colour says, a word or a mark beside it says, too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, TextIO

from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import styled

__all__ = ["THEMES", "Theme", "choose", "chosen", "paint", "theme_for"]

_VARIABLE: Final = "LEAN_AGENT_THEME"
_DEFAULT: Final = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Parameters of SGR, the terminal's code for weight and colour; "" leaves the text as it is.

    Only the terminal's own sixteen colours, which its owner has made readable. ``prompt`` and
    ``status`` are styles of prompt_toolkit.
    """

    aside: str = ""
    tool: str = ""
    added: str = ""
    removed: str = ""
    heading: str = ""
    strong: str = ""
    code: str = ""
    prompt: str = ""
    status: str = ""


_BOTH: Final = {"aside": "2", "added": "32", "removed": "31", "heading": "1", "strong": "1"}

THEMES: Final = {
    "dark": Theme(
        **_BOTH, tool="36", code="33", prompt="bold ansibrightcyan", status="ansibrightblack"
    ),
    "light": Theme(**_BOTH, tool="34", code="35", prompt="bold ansiblue", status="ansibrightblack"),
    "none": Theme(),
}


def theme_for(stream: TextIO) -> Theme:
    """The chosen theme; ``none`` where colour is not welcome.

    Raises:
        ConfigurationError: LEAN_AGENT_THEME names none there is.
    """
    return _named(chosen()) if styled(stream) else THEMES["none"]


def chosen() -> str:
    """The chosen theme's name, whatever the terminal makes of it."""
    return os.environ.get(_VARIABLE) or _DEFAULT


def choose(name: str) -> None:
    """Take that theme from now on, in this process.

    Raises:
        ConfigurationError: there is none of that name.
    """
    _named(name)
    os.environ[_VARIABLE] = name


def paint(text: str, how: str) -> str:
    """The text with that weight and colour, and the terminal's own after it."""
    return f"\x1b[{how}m{text}\x1b[0m" if how and text else text


def _named(name: str) -> Theme:
    if name not in THEMES:
        raise usage_error(f"no theme {name!r}", f"choose {', '.join(THEMES)}")
    return THEMES[name]
