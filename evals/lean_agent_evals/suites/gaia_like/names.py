"""Invented words: pronounceable, and never to be taken for one another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.task import Split

__all__ = ["Namer", "first_consonants"]

# fmt: off
_ONSETS = (
    "b", "br", "d", "dr", "f", "fl", "g", "gl", "gr", "h", "j", "k", "kl", "kr", "l", "m", "n", "p",
    "pl", "pr", "r", "s", "sk", "sl", "st", "t", "th", "tr", "v", "vr", "w", "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ei", "ia", "oa")
_CODAS = ("k", "l", "ld", "m", "n", "nd", "ng", "r", "rk", "rn", "s", "sk", "st", "t", "th", "x")
# fmt: on
_MIN_CHARS = 6
_MAX_CHARS = 9


def first_consonants(word: str) -> str:
    """The letters before the first vowel, in lower case."""
    lowered = word.lower()
    return lowered[: next(i for i, letter in enumerate(lowered) if letter in "aeiou")]


class Namer:
    """Gives words of 6 to 9 letters, each unlike all before it: none holds another, and to get from
    one to another at least three letters must be changed, added or taken away.

    The words of the two splits begin with different consonants, whatever the seed, so no name of
    one is ever a name of the other.
    """

    def __init__(self, dice: Dice, split: Split) -> None:
        self._dice = dice
        self._first = _ONSETS[0::2] if split == "dev" else _ONSETS[1::2]
        self._words = set[str]()
        self._near = set[str]()
        self._pieces = set[str]()

    def word(self) -> str:
        """A new word, with a capital."""
        while True:
            word = self._candidate()
            near, pieces = {word, *_shortened(word)}, set(_pieces(word))
            held = word in self._pieces or not pieces.isdisjoint(self._words)
            if not held and near.isdisjoint(self._near):
                self._words.add(word)
                self._near |= near
                self._pieces |= pieces
                return word.capitalize()

    def words(self, count: int) -> list[str]:
        return [self.word() for _ in range(count)]

    def _candidate(self) -> str:
        pick = self._dice.pick
        while True:
            word = pick(self._first) + pick(_VOWELS)
            for _ in range(self._dice.between(1, 2)):
                word += pick(_ONSETS) + pick(_VOWELS)
            word += pick(_CODAS)
            if _MIN_CHARS <= len(word) <= _MAX_CHARS:
                return word


def _shortened(word: str) -> Iterator[str]:
    """The word without any one or two of its letters: words that are one or two edits apart have
    one of these in common (the deletion neighbourhoods of Mor and Fraenkel, 1982)."""
    for count in (1, 2):
        for kept in combinations(word, len(word) - count):
            yield "".join(kept)


def _pieces(word: str) -> Iterator[str]:
    for start in range(len(word)):
        for end in range(start + _MIN_CHARS, len(word) + 1):
            yield word[start:end]
