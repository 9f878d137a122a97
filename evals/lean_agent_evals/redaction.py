"""Secrets out of what is kept of an attempt."""

from __future__ import annotations

from typing import Any, cast

from lean_agent._redact import environment_secrets, redact

__all__ = ["redacted"]


def redacted(value: Any) -> Any:
    """Plain JSON types with every text in them redacted, the environment's keys included."""
    return _within(value, environment_secrets())


def _within(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        return redact(value, *known)
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {redact(name, *known): _within(item, known) for name, item in items}
    if isinstance(value, (list, tuple)):
        return [_within(item, known) for item in cast("list[Any]", value)]
    return value
