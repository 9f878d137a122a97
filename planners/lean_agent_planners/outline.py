"""Outline, then solve: a short plan by a cheap call, one call that follows it.

Source: CoThink (arXiv 2505.22017).
"""

from __future__ import annotations

from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.reasoning import MARKED, Ask, Problem
from lean_agent.thinking.plain import STEPS

__all__ = ["Outline"]

_OUTLINE_SHARE = 0.25
_LEAST = 24


class Outline:
    """The outline's tokens count: the solving call may write what it has left."""

    most_calls = 2

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        how = "Do not solve this yet. Outline how to in 2 to 4 short lines, without calculating."
        asked = Message("user", f"{problem.task}\n\n{how}")
        request = ModelRequest(
            messages=(*problem.earlier, asked),
            max_output_tokens=max(1, int(problem.tokens * _OUTLINE_SHARE)),
        )
        outline = await ask(request, purpose="plan")
        followed = Message(
            "user",
            f"{problem.task}\n\nOutline:\n{outline.message.content.strip()}\n\n"
            f"Follow the outline. {STEPS} Only then {MARKED}",
        )
        solving = ModelRequest(
            messages=(*problem.earlier, followed),
            max_output_tokens=max(_LEAST, problem.tokens - outline.usage.output_tokens),
        )
        response = await ask(solving, last=True)
        return followed, response.message
