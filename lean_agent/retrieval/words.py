"""What counts as a word, and where in a text the words of a query stand."""

from __future__ import annotations

import re
from itertools import filterfalse

__all__ = ["excerpt", "words"]

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?]\s+|\n+")

# Lucene's English stop words, as bm25s has them; importing that library takes half a second.
# fmt: off
_STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they",
    "this", "to", "was", "will", "with",
})
# fmt: on


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits, without English stop words."""
    return list(filterfalse(_STOP_WORDS.__contains__, _WORD.findall(text.lower())))


def excerpt(text: str, query: str, max_chars: int) -> str:
    """The stretch of a text that holds the most of the query's words, from the beginning of a
    sentence and not cut inside a word. Of several such stretches, the first.
    """
    if len(text) <= max_chars:
        return text
    wanted = set(words(query))
    # A question's words tend to stand before its answer, so the last quarter does not count.
    counted = max_chars * 3 // 4

    def words_held(start: int) -> int:
        return len(wanted.intersection(words(text[start : start + counted])))

    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text))]
    start = max(starts, key=words_held)
    end = len(text)
    if end - start > max_chars:
        end = max(text.rfind(" ", start, start + max_chars), start + max_chars // 2)
    before, after = "... " * (start > 0), " ..." * (end < len(text))
    return f"{before}{text[start:end].strip()}{after}"
