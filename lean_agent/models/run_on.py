"""Output that will never end: a model that is held to a form and has nothing left to say in it.

Seen of small models with constrained output: whitespace up to the token limit (JSON allows it
between any two tokens), or one record over and over. Every token of it is paid for.
"""

from __future__ import annotations

__all__ = ["RunOnGuard"]

_MAX_WHITESPACE = 64
_MAX_UNIT = 256
_MIN_REPEATED = 512
_MIN_COPIES = 8
_PROBE = 16
_WINDOW = _MAX_UNIT * _MIN_COPIES


class RunOnGuard:
    """Fed an output piece by piece, says when it has begun to run on.

    It has when it ends in more than 64 whitespace characters (deeper than any indentation), or in
    eight or more copies of one unit of up to 256 characters that fill at least 512 characters. Both
    are far beyond what an honest answer holds, a table's rule or a list of zeros included, so that
    a false alarm, which costs the answer, is rarer than a late one, which costs some 200 tokens.
    """

    __slots__ = ("_tail", "_unchecked")

    def __init__(self) -> None:
        self._tail = ""
        self._unchecked = 0

    def feed(self, piece: str) -> bool:
        """True once the output runs on."""
        tail = (self._tail + piece)[-_WINDOW:]
        self._tail = tail
        if len(tail) - len(tail.rstrip()) > _MAX_WHITESPACE:
            return True
        self._unchecked += len(piece)
        if self._unchecked < _MAX_WHITESPACE or len(tail) < _MIN_REPEATED:
            return False
        self._unchecked = 0
        return self._repeats()

    def _repeats(self) -> bool:
        tail = self._tail
        probe = tail[-_PROBE:]
        for unit in range(1, _MAX_UNIT + 1):
            span = max(_MIN_REPEATED, unit * _MIN_COPIES)
            if span > len(tail):
                return False
            if (
                tail.endswith(probe, 0, len(tail) - unit)
                and tail[-span + unit :] == tail[-span:-unit]
            ):
                return True
        return False
