"""What can be written: half a character (a lone surrogate) can be held, but not encoded.

JSON may escape one, file names and arguments of a command may hold one, and so a tool's result, a
model's answer or a task may: no server, checkpoint or file would take it. Nor does a checkpoint
take a whole number of more than 64 bits; its digits are kept as text.
"""

from __future__ import annotations

import json
from typing import Any, cast

__all__ = ["all_writable", "read_json", "writable"]


def writable(text: str) -> str:
    """The text with every half of a character replaced by a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def read_json(text: str | bytes) -> Any:
    """The JSON that a stranger wrote, with what can be written in it.

    Raises:
        ValueError: it is none, or is nested too deeply to be read.
    """
    try:
        value = json.loads(text, parse_int=_whole)
        # Only an escape can bring a half, or a half that was in the text before.
        escaped = b"\\u" in text if isinstance(text, bytes) else "\\u" in text
        return all_writable(value) if escaped or not text.isascii() else value
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _whole(digits: str) -> int | str:
    return _held(int(digits))


def _held(value: int) -> int | str:
    return value if -(2**63) <= value < 2**63 else str(value)


def all_writable(value: object) -> object:
    """A JSON value with every text and whole number in it made writable."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, int):
        return _held(value)
    if isinstance(value, list):
        return [all_writable(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {writable(name): all_writable(item) for name, item in items}
    return value
