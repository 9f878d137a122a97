"""Text that others wrote, fit to be shown: no secrets, nothing that no page may hold."""

from __future__ import annotations

import json
import re
from typing import Any

from lean_agent._redact import redact

__all__ = ["as_json", "fit", "shortened"]

# Control characters have no place in HTML, and those that turn the direction of writing can make
# one text look like another (Boucher and Anderson, "Trojan Source").
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def fit(value: object) -> str:
    """A value as text, JSON unless it is text, without secrets; unfit characters become U+FFFD."""
    text = value if isinstance(value, str) else as_json(value)
    return _UNFIT.sub("\ufffd", redact(text))


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON in which an object's names are in order."""
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True, default=str)


def shortened(text: str, most: int) -> str:
    """At most so many characters, and how many more there were."""
    if len(text) <= most:
        return text
    return f"{text[:most]}\n… {len(text) - most:,} characters more"
