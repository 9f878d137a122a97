"""Several thoughts, one answer: a majority vote that stops as soon as it is clear.

Sources: self-consistency (arXiv 2203.11171), stopped early as in Adaptive-Consistency
(arXiv 2305.11860). Spec: gating ("Sampling").
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from lean_agent.errors import LimitExceededError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.reasoning import ANSWER_MARK, Ask, Problem
from lean_agent.thinking.plain import asked_plainly

__all__ = ["Vote"]

_LEAD = 2
_TEMPERATURE = 0.7
_NOISE = re.compile(r"[\s,$€£%*'\"]+|\.(?!\d)")
_HEDGE = re.compile(r"\b(?:maybe|perhaps|might|possibly|probably|i think|not sure|unclear)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Vote:
    answer: str
    message: Message

    @property
    def doubt(self) -> tuple[int, int]:
        """Hedges, then length: of the answers with most votes the least doubtful is taken."""
        text = self.message.content
        return len(_HEDGE.findall(text)), len(text)


class Vote:
    """The first thought as the run samples, the others warmer; each is told nothing of another.

    It ends once an answer leads by two votes, or cannot be caught up with. The tokens are those of
    all thoughts together.

    Args:
        most: Thoughts at the most, 3 or more.
    """

    def __init__(self, most: int = 5) -> None:
        self._most = most

    @property
    def most_calls(self) -> int:
        return self._most

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        asked = asked_plainly(problem.task)
        left = problem.tokens
        votes: list[_Vote] = []
        for number in range(self._most):
            request = ModelRequest(
                messages=(*problem.earlier, asked),
                max_output_tokens=left,
                temperature=_TEMPERATURE if number else None,
                seed=number or None,
            )
            try:
                response = await ask(request, last=not number)
            except LimitExceededError:
                if not votes:
                    raise
                break
            left -= response.usage.output_tokens
            if answer := _answer(response.message.content):
                votes.append(_Vote(answer, response.message))
            elif not number:
                votes.append(_Vote("", response.message))
            if left <= 0 or _clear(votes, self._most - number - 1):
                break
        counts = Counter(vote.answer for vote in votes if vote.answer)
        best = max(counts.values(), default=0)
        leading = [vote for vote in votes if counts[vote.answer] == best] or votes
        return asked, min(leading, key=lambda vote: vote.doubt).message


def _answer(text: str) -> str:
    """What stands after the last answer mark, without what does not make it another answer."""
    _, mark, after = text.rpartition(ANSWER_MARK)
    return _NOISE.sub("", after.strip().partition("\n")[0]).casefold() if mark else ""


def _clear(votes: list[_Vote], to_come: int) -> bool:
    counts = [count for _, count in Counter(v.answer for v in votes if v.answer).most_common(2)]
    if not counts:
        return False
    lead = counts[0] - (counts[1] if len(counts) > 1 else 0)
    return lead >= _LEAD or lead > to_come
