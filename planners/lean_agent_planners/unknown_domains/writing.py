"""One writing of a task as a search problem: looked at, searched, all of it in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from lean_agent.sandbox import run_python
from lean_agent_planners.domain import Plan, Problem
from lean_agent_planners.search import Limits, search, tried

__all__ = ["Writing", "look_at"]

_LIMITS = Limits(expansions=100_000, seconds=10.0)
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Writing:
    """What a search of it came to. ``plan`` is a shortest one; None: there is none in all of its
    states. ``problem`` says why it came to nothing, "" where it did.
    """

    plan: Plan | None = None
    expansions: int = 0
    problem: str = ""

    @property
    def outcome(self) -> str:
        """What two writings of one task must share, however each of them writes a state."""
        if self.plan is None:
            return "no solution"
        steps = len(self.plan.states) - 1
        return f"{steps} step" if steps == 1 else f"{steps} steps"


class _Written(BaseModel):
    start: Any
    tests: list[tuple[Any, bool]]


async def look_at(code: str) -> Writing:
    """Hold a writing to its own tests, then search it.

    Raises:
        ConfigurationError: the sandbox cannot start.
    """
    ran = await run_python(f"{code}\n{{'start': START, 'tests': TESTS}}", seconds=2.0)
    if ran.error is not None:
        return Writing(problem=f"The code fails: {ran.error}.")
    try:
        written = _Written.model_validate(ran.value)
    except ValidationError:
        return Writing(problem="TESTS must be a list of (state, True or False).")
    if {expected for _, expected in written.tests} != {True, False}:
        return Writing(problem="TESTS must hold both a goal and a state that is none.")
    tests = [*written.tests, (written.start, False)]
    results = await tried(code, [("is_goal", state, None) for state, _ in tests])
    for (state, expected), result in zip(tests, results, strict=False):
        call = f"is_goal({_shown(state)})"
        if problem := result.get("problem"):
            return Writing(problem=f"{call} fails: {problem}.")
        if result["value"] is not expected:
            return Writing(problem=f"{call} gives {result['value']}, but it must give {expected}.")
    found = await search(code, Problem(written.start), "bfs", _LIMITS)
    if found.plan is None and found.stop != "exhausted":
        why = found.problem or f"it ended at its limit of {found.stop}: too many states"
        return Writing(expansions=found.expansions, problem=f"The search failed: {why}.")
    return Writing(plan=found.plan, expansions=found.expansions)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
