"""Plan-and-Budget: sub-questions, each with its own share of the tokens (arXiv 2505.16122).

What the paper asks for in words is enforced here: a sub-question's answer ends at its share. The
tokens that the plan itself takes count. How hard a part is, the model says, never a label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.reasoning import MARKED, Ask, Problem
from lean_agent.thinking.plain import STEPS, asked_plainly
from lean_agent_planners import sub_questions
from lean_agent_planners.allocation import Schedule, allocate
from lean_agent_planners.sub_questions import SubQuestion

__all__ = ["PlanAndBudget", "uniform"]

_PLAN_SHARE = 0.4
_LEAST = 24


@dataclass(frozen=True, slots=True)
class PlanAndBudget:
    """Shares follow the credits that the model gives its sub-questions, times a schedule's weight.

    Schedules favour early parts and can override how hard the parts are (credits 20 and 80 become
    330 and 120 of 450 tokens under ``cosine``), so the default is by credit alone. Without
    ``credits`` none are asked for, and all parts weigh alike. What the others leave of their shares
    is the last part's, which has everything to put together.
    """

    schedule: Schedule = "constant"
    credits: bool = True

    @property
    def most_calls(self) -> int:
        return 1 + sub_questions.MOST

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        """Parts that need nothing of each other are asked side by side."""
        parts, left = await self._plan(problem, ask)
        if not parts:
            asked = asked_plainly(problem.task)
            request = ModelRequest(messages=(*problem.earlier, asked), max_output_tokens=left)
            response = await ask(request, last=True)
            return asked, response.message
        credit = [part.credits if self.credits else 1.0 for part in parts]
        shares = allocate(credit, left, self.schedule, least=_LEAST)
        last = len(parts) - 1
        said: list[Message] = []
        unused = 0
        for wave in sub_questions.waves(parts):
            answers = await _side_by_side(
                ask(
                    ModelRequest(
                        messages=(
                            *problem.earlier,
                            *said,
                            _asked(problem.task, said, parts, place),
                        ),
                        max_output_tokens=shares[place] + unused * (place == last),
                    ),
                    last=place == last,
                )
                for place in wave
            )
            for place, answer in zip(wave, answers, strict=True):
                unused += max(0, shares[place] - answer.usage.output_tokens)
                said += [_asked(problem.task, said, parts, place), answer.message]
        return tuple(said)

    async def _plan(self, problem: Problem, ask: Ask) -> tuple[list[SubQuestion], int]:
        """The parts, none where no plan can be read, and the tokens that are left for them."""
        held = problem.held_to_schemas
        text = sub_questions.asked_for(problem.task, by_credit=self.credits, in_words=not held)
        request = ModelRequest(
            messages=(*problem.earlier, Message("user", text)),
            max_output_tokens=max(1, int(problem.tokens * _PLAN_SHARE)),
            response_schema=sub_questions.schema(by_credit=self.credits) if held else None,
        )
        response = await ask(request, purpose="plan")
        left = max(_LEAST, problem.tokens - response.usage.output_tokens)
        return sub_questions.read(response.message.content), left


def uniform() -> PlanAndBudget:
    """Equal shares."""
    return PlanAndBudget(credits=False)


async def _side_by_side(calls: Iterable[Awaitable[ModelResponse]]) -> list[ModelResponse]:
    """All of them; where one fails the others are awaited first, for they are paid for."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    for answer in done:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in done if isinstance(answer, ModelResponse)]


def _asked(task: str, said: Sequence[Message], parts: Sequence[SubQuestion], place: int) -> Message:
    """A part, after what was ``said``, with the task before the first. Instead of the last part,
    which small models often miss, the task itself is asked.
    """
    if place == len(parts) - 1:
        return Message("user", f"With that, answer: {task}\n\n{STEPS} Only then {MARKED}")
    text = f"First: {parts[place].question}\n\n{STEPS}"
    return Message("user", text if said else f"{task}\n\n{text}")
