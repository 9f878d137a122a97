"""Early stop: a thought that repeats itself, or has come to its answer, is not paid for further."""

from __future__ import annotations

import re
import zlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.reasoning import Ask, Problem, Reasoning

__all__ = ["Convergence", "EarlyStopping", "Repetition"]

_WINDOW = 12
_COPIES = 3
_BASE = 1_000_003
_MODULUS = (1 << 61) - 1
_GONE = pow(_BASE, _WINDOW, _MODULUS)

_BLANK_LINE = re.compile(r"\n\s*\n")
_STATED = re.compile(
    r"(?:\banswer(?:\s+is|:)|\\boxed\{)\s*(?P<answer>[^\n}]+?)(?=\.?\s*$|\.\s|\}|$)",
    re.I | re.M,
)


class Repetition:
    """Told all the text so far, says whether it has begun to repeat itself.

    It has when the same 12 words in a row have come 3 times, anywhere. Windows are known by a
    rolling hash (Karp and Rabin, 1987), so that each word is looked at once.
    """

    def __init__(self) -> None:
        self._begin()

    def __call__(self, text: str) -> bool:
        if len(text) < self._read:
            self._begin()  # the call is made again
        rest = text[self._read :]
        whole = max((end for end, letter in enumerate(rest, 1) if letter.isspace()), default=0)
        self._read += whole
        for word in rest[:whole].split():
            self._add(word)
        return self._most >= _COPIES

    def _begin(self) -> None:
        self._read = self._hash = self._most = 0
        self._window: deque[int] = deque()
        self._seen: Counter[int] = Counter()

    def _add(self, word: str) -> None:
        code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        self._window.append(code)
        self._hash = (self._hash * _BASE + code) % _MODULUS
        if len(self._window) > _WINDOW:
            self._hash = (self._hash - self._window.popleft() * _GONE) % _MODULUS
        if len(self._window) == _WINDOW:
            self._seen[self._hash] += 1
            self._most = max(self._most, self._seen[self._hash])


class Convergence:
    r"""Told all the text so far, says whether two thoughts in a row came to the same answer.

    Thoughts are paragraphs. What one comes to is what it last calls its answer, as ``answer is``,
    ``Answer:`` or ``\boxed``; those that call nothing so are passed over.
    """

    def __call__(self, text: str) -> bool:
        *thoughts, _unfinished = _BLANK_LINE.split(text)
        stated = [found[-1] for thought in thoughts if (found := _stated(thought))]
        return len(stated) > 1 and stated[-1] == stated[-2]


def _stated(thought: str) -> list[str]:
    found = (match["answer"].strip("*$` ").casefold() for match in _STATED.finditer(thought))
    return [answer for answer in found if answer]


def _enough() -> Callable[[str], bool]:
    repeats, converged = Repetition(), Convergence()

    def enough(text: str) -> bool:
        return repeats(text) or converged(text)

    return enough


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """``strategy``, each thought of which ends where it repeats itself or has converged."""

    strategy: Reasoning

    @property
    def most_calls(self) -> int:
        return self.strategy.most_calls

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        async def stopping(
            request: ModelRequest,
            *,
            purpose: Literal["reason", "plan"] = "reason",
            last: bool = False,
        ) -> ModelResponse:
            if purpose == "reason":
                request = replace(request, enough=_enough())
            return await ask(request, purpose=purpose, last=last)

        return await self.strategy.think(problem, stopping)
