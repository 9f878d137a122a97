"""Secrets out of what is kept of an attempt."""

from __future__ import annotations

import os
from typing import Any, cast

from lean_agent._redact import redact

__all__ = ["redacted"]

_SECRET_NAMES = ("_API_KEY", "_TOKEN")


def redacted(value: Any) -> Any:
    """Plain JSON types with every text in them redacted, the environment's keys included."""
    known = [text for name, text in os.environ.items() if name.endswith(_SECRET_NAMES)]
    return _within(value, known)


def _within(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        return redact(value, *known)
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {name: _within(item, known) for name, item in items}
    if isinstance(value, (list, tuple)):
        return [_within(item, known) for item in cast("list[Any]", value)]
    return value
