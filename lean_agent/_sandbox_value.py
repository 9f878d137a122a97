"""What the sandbox's last expression becomes on our side.

The value was made by untrusted code: a list may hold itself or stand for 2**40 elements by holding
the same one twice at each level, and writing out a huge integer takes minutes. So nothing here
calls repr() or json.dumps() on it as a whole, and every walk has a budget.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any, cast

__all__ = ["plain_or_repr"]

_MAX_NODES = 100_000
_MAX_CHARS = 4_000_000
_MAX_DEPTH = 50
_MAX_INT_BITS = 13_000  # about 3,900 digits; Python itself refuses to print more than 4,300

_SMALL = (int, float, complex, Decimal, dt.date, dt.time, dt.timedelta)


class _NotPlainError(Exception):
    pass


def plain_or_repr(value: object, max_chars: int) -> Any:
    """The value in JSON types; where JSON has no such thing, its repr, cut at ``max_chars``."""
    try:
        return _Plain().copy(value, 0)
    except _NotPlainError:
        pass
    pieces: list[str] = []
    chars = 0
    for piece in _repr_pieces(value, 0):
        pieces.append(piece)
        chars += len(piece)
        if chars > max_chars:
            return f"{''.join(pieces)[:max_chars]}..."
    return "".join(pieces)


class _Plain:
    """Copies JSON types, at most ``_MAX_NODES`` of them."""

    def __init__(self) -> None:
        self._nodes = 0
        self._chars = 0

    def copy(self, value: object, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise _NotPlainError
        # By exact type: a subclass, a named tuple say, would lose what makes it one.
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return self._checked(value, cast("int", value).bit_length() <= _MAX_INT_BITS)
        if kind is float:
            return self._checked(value, math.isfinite(cast("float", value)))
        if kind is str:
            return self._text(cast("str", value))
        if kind in {list, tuple}:
            return [self.copy(item, depth + 1) for item in cast("list[object]", value)]
        if kind is dict:
            return {
                self._key(key): self.copy(item, depth + 1)
                for key, item in cast("dict[object, object]", value).items()
            }
        raise _NotPlainError

    @staticmethod
    def _checked(value: object, fits: bool) -> object:
        if not fits:
            raise _NotPlainError
        return value

    def _text(self, text: str) -> str:
        self._chars += len(text)
        if self._chars > _MAX_CHARS:
            raise _NotPlainError
        return text

    def _key(self, key: object) -> str:
        if type(key) is not str:
            raise _NotPlainError
        return self._text(key)


def _repr_pieces(value: object, depth: int) -> Iterator[str]:
    """repr(value) in pieces, so that whoever reads it can stop."""
    if depth > _MAX_DEPTH:
        yield "..."
    elif isinstance(value, str | bytes):
        # A slice first: the repr of a long text would be made whole.
        yield repr(value[:_MAX_CHARS])
    elif isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        yield f"<int of about {int(value.bit_length() * math.log10(2)):,} digits>"
    elif isinstance(value, list | tuple | set | frozenset):
        items = cast("Collection[object]", value)
        yield from _joined(_brackets(items), (_repr_pieces(item, depth + 1) for item in items))
    elif isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        yield from _joined(
            "{}",
            (
                chain(_repr_pieces(k, depth + 1), (": ",), _repr_pieces(v, depth + 1))
                for k, v in pairs
            ),
        )
    elif value is None or isinstance(value, _SMALL):
        yield repr(value)
    else:
        yield from _object(value, depth)


def _brackets(items: Collection[object]) -> str:
    """What stands before the first and after the last item: one character, then the rest."""
    if isinstance(items, list):
        return "[]"
    if isinstance(items, tuple):
        return "(,)" if len(items) == 1 else "()"
    return "{}" if items else "set()"


def _joined(brackets: str, items: Iterable[Iterable[str]]) -> Iterator[str]:
    yield brackets[0]
    for n, item in enumerate(items):
        if n:
            yield ", "
        yield from item
    yield brackets[1:]


def _object(value: Any, depth: int) -> Iterator[str]:
    """An instance of a class that the code defined: a proxy with a name and attributes."""
    attributes = getattr(value, "attributes", None)
    name = getattr(value, "name", type(value).__name__)
    if not isinstance(attributes, dict):
        yield f"<{name}>"
        return
    fields = cast("dict[str, object]", attributes).items()
    yield name
    yield from _joined("()", (chain((f"{n}=",), _repr_pieces(v, depth + 1)) for n, v in fields))
