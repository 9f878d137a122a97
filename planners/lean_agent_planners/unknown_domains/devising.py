"""The general path: several independent writings of one task, and how many of them agree."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lean_agent.errors import LimitExceededError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.planner import Ask, PlanStatus
from lean_agent.usage import Usage
from lean_agent_planners.domain import Plan
from lean_agent_planners.unknown_domains import prompts
from lean_agent_planners.unknown_domains.writing import Writing, look_at

__all__ = ["Devised", "devise"]

_WRITINGS = 3
_HOPELESS = 2  # writings that fail before any works: it is no search problem, or too hard
_MENDINGS = 1
_OUTPUT_TOKENS = 600
_TEMPERATURE = 0.8  # of the writings after the first, which are to be independent of it


@dataclass(slots=True, kw_only=True)
class Devised:
    """What came of the ``writings``: ``agree`` of them came to ``outcome``, and to no other one
    more did; those that could not be searched came to none. ``problem`` is why the last of these
    failed.
    """

    writings: int = 0
    agree: int = 0
    outcome: str = ""
    plan: Plan | None = None
    calls: int = 0
    expansions: int = 0
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    problem: str = ""

    @property
    def status(self) -> PlanStatus:
        return "unverified" if self.agree else "unknown"

    @property
    def answer(self) -> str:
        """The steps, a line each; "" where no writing could be searched."""
        if not self.agree:
            return ""
        if self.plan is None:
            return "There seems to be no solution."
        after = self.plan.states[1:]
        named = self.plan.actions or (None,) * len(after)
        return "\n".join(
            str(state) if action is None else action
            for action, state in zip(named, after, strict=True)
        )

    @property
    def evidence(self) -> str:
        """How sure this is, in one line."""
        if not self.agree:
            why = self.problem or "there was no room for a call"
            return f"the model could not write this down as a search problem: {why}"
        return (
            f"{self.agree} of {self.writings} independent writings of the problem agree on "
            f"{self.outcome}; no validator has checked it"
        )

    def to_dict(self) -> dict[str, Any]:
        """As ``plan solve --json`` prints it, with how many of how many writings agree."""
        return {
            "status": self.status,
            "answer": self.answer or None,
            "plan": None if self.plan is None else self.plan.to_dict(),
            "usage": self.usage.to_dict(),
            "expansions": self.expansions,
            "seconds": round(self.seconds, 6),
            "planner": "written by the model for this task",
            "problem": self.problem,
            "calls": self.calls,
            "writings": self.writings,
            "agree": self.agree,
        }


async def devise(task: str, ask: Ask, *, writings: int = _WRITINGS, seed: int = 0) -> Devised:
    """Have a task written down as a search problem so many times, and search each.

    Args:
        task: In words.
        ask: One model call; whoever gives it charges it.
        writings: How many, each mended at most once; none after two that come to nothing.
        seed: Of the first; each later one has the next.

    Raises:
        LimitExceededError: there was no room for a first call.
        LeanAgentError: a call failed.
    """
    began = time.perf_counter()
    devised = Devised()
    found: list[Writing] = []
    for number in range(writings):
        if number == _HOPELESS and not found:
            break
        try:
            writing = await _written(task, ask, devised, seed + number, first=not number)
        except LimitExceededError:
            if not devised.calls:
                raise
            break
        devised.writings += 1
        devised.expansions += writing.expansions
        if writing.problem:
            devised.problem = writing.problem
        else:
            found.append(writing)
    devised.seconds = time.perf_counter() - began
    if found:
        # Of outcomes with as many votes the one that was reached first.
        ((devised.outcome, devised.agree),) = Counter(one.outcome for one in found).most_common(1)
        devised.plan = next(one.plan for one in found if one.outcome == devised.outcome)
    return devised


async def _written(task: str, ask: Ask, devised: Devised, seed: int, *, first: bool) -> Writing:
    asked = [Message("system", prompts.SYSTEM), Message("user", prompts.write(task))]
    talk: list[Message] = []
    writing = Writing()
    for _ in range(1 + _MENDINGS):
        request = ModelRequest(
            messages=(*asked, *talk),
            max_output_tokens=_OUTPUT_TOKENS,
            temperature=0.0 if first else _TEMPERATURE,
            seed=seed,
        )
        response = await ask(request)
        devised.calls += 1
        devised.usage += response.usage
        writing = await look_at(prompts.code_in(response.message.content))
        if not writing.problem:
            break
        # Only the last attempt: a small model repeats what it sees.
        talk = [response.message, Message("user", prompts.mend(writing.problem))]
    return writing
