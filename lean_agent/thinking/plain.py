"""Step by step, in one call."""

from __future__ import annotations

from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.reasoning import MARKED, Ask, Problem

__all__ = ["Plain", "asked_plainly"]


def asked_plainly(task: str) -> Message:
    """Asks for reasoning and a marked answer; adaptively concise (ConciseHint, 2506.18810)."""
    how = "Think step by step, as briefly as the question allows."
    return Message("user", f"{task}\n\n{how} Then {MARKED}")


class Plain:
    """What reason mode does by default."""

    most_calls = 1

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        asked = asked_plainly(problem.task)
        request = ModelRequest(messages=(*problem.earlier, asked), max_output_tokens=problem.tokens)
        response = await ask(request, last=True)
        return asked, response.message
