"""The words of a text, as they are compared: without case and punctuation."""

from __future__ import annotations

import re
import string
from typing import Final

__all__ = ["word_list", "words"]

_WORD = re.compile(r"\w+")
# Several times as fast as the expression, which only other alphabets need.
_BLANKS: Final = str.maketrans(dict.fromkeys(string.punctuation.replace("_", ""), " "))


def word_list(text: str) -> list[str]:
    """All of them, in order."""
    text = text.casefold()
    return text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)


def words(text: str) -> set[str]:
    """Those that occur."""
    return set(word_list(text))
