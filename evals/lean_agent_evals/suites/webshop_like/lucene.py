"""BM25 as the search engine of WebShop computes it: Lucene, by Pyserini, with its defaults.

On the 1,000 products of the official sample this gives, of 229 recorded pages of results, each one
with the same products in the same order. A general BM25 does not: which of many similar products
come first hangs on how Lucene cuts words and rounds lengths.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from lean_agent_evals.suites.webshop_like.libraries import stems

__all__ = ["LuceneIndex"]

_K1 = 0.9
_B = 0.4
"""Anserini's, not Lucene's own."""

# fmt: off
_STOP_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is",
    "it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there",
    "these", "they", "this", "to", "was", "will", "with",
))
# fmt: on
# A word ends where Unicode's annex 29 says; an ideograph is a word of its own, and so is a symbol
# in the property Extended_Pictographic (the part of it that texts use).
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(
    r"\w+(?:(?:(?<=[^\W\d_])[.'’:·：](?=[^\W\d_])|(?<=\d)[.,;'’，；](?=\d))\w+)*"  # noqa: RUF001
    r"|[\u25b6\u25c0\u2600-\u2605\u2607-\u2612\u2614-\u2705\u2708-\u2712\u2714\u2728\u2744\u2757"
    r"\u2763-\u2767\u27a1\u2b50\U0001F000-\U0001FAFF]"
)
_POSSESSIVE = re.compile(r"['’]s$")  # noqa: RUF001


class LuceneIndex:
    """An index in memory of texts, each with a name. Read only once made, so threads may share it.

    Score: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, with Lucene's
    idf and without its constant factor k1 + 1. Of equal scores the name that sorts first wins.

    Raises:
        ConfigurationError: the stemmer is not installed.
    """

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._stems = stems()
        self._names = [name for name, _ in texts]
        counts = [Counter(self._words(text)) for _, text in texts]
        lengths = [count.total() for count in counts]
        average = sum(lengths) / max(1, len(lengths)) or 1.0
        found: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            k = _K1 * (1 - _B + _B * _stored_length(length) / average)
            for word, times in count.items():
                found[word].append((number, times / (times + k)))
        self._found = {
            word: [(number, _idf(len(where), len(texts)) * tf) for number, tf in where]
            for word, where in found.items()
        }

    def search(self, query: str, k: int) -> list[str]:
        """The names of the ``k`` best texts, best first; fewer where too few share a word."""
        scores: defaultdict[int, float] = defaultdict(float)
        for word, times in Counter(self._words(query)).items():
            for number, score in self._found.get(word, ()):
                scores[number] += times * score
        best = sorted(scores, key=lambda number: (-scores[number], self._names[number]))
        return [self._names[number] for number in best[:k]]

    def _words(self, text: str) -> list[str]:
        found = _WORD.findall(_IDEOGRAPH.sub(r" \g<0> ", text.lower()))
        words = [_POSSESSIVE.sub("", word) for word in found if word.strip("_")]
        return self._stems([word for word in words if word not in _STOP_WORDS])


def _idf(found_in: int, of: int) -> float:
    return math.log(1 + (of - found_in + 0.5) / (found_in + 0.5))


def _stored_length(length: int) -> int:
    """Lucene keeps a length in one byte: exact below 24, four leading bits of the rest above."""
    if length < 24:
        return length
    shift = max(0, (length - 24).bit_length() - 4)
    return 24 + ((length - 24) >> shift << shift)
