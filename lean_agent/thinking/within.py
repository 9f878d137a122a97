"""A token budget of its own for a strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lean_agent.messages import Message
from lean_agent.reasoning import Ask, Problem, Reasoning

__all__ = ["Within"]


@dataclass(frozen=True, slots=True)
class Within:
    """``strategy`` with ``tokens`` to write in all its calls together.

    The marked answer is not among them where it has to be asked for.
    """

    strategy: Reasoning
    tokens: int

    @property
    def most_calls(self) -> int:
        return self.strategy.most_calls

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        return await self.strategy.think(replace(problem, tokens=self.tokens), ask)
