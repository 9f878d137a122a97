"""Step by step, in one call."""

from __future__ import annotations

from typing import Final

from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.reasoning import MARKED, Ask, Problem

__all__ = ["STEPS", "Plain", "asked_plainly"]

STEPS: Final = "Think step by step: write down each step with its calculation, in few words."
"""Asks for reasoning that is short but there.

Asked to think "as briefly as the question allows" (ConciseHint, 2506.18810), small models leave the
steps out and guess.
"""


def asked_plainly(task: str) -> Message:
    """Asks for reasoning and a marked answer."""
    return Message("user", f"{task}\n\n{STEPS} Only then {MARKED}")


class Plain:
    """What reason mode does by default."""

    most_calls = 1

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        asked = asked_plainly(problem.task)
        request = ModelRequest(messages=(*problem.earlier, asked), max_output_tokens=problem.tokens)
        response = await ask(request, last=True)
        return asked, response.message
