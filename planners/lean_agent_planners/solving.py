"""One instance from text to a checked answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lean_agent.usage import Usage
from lean_agent_planners.domain import Domain, InvalidPlanError, Plan
from lean_agent_planners.library import StoredPlanner
from lean_agent_planners.search import Limits, search

__all__ = ["Solution", "Status", "solve"]

Status = Literal["solved", "unsolvable", "unverified", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What became of an instance.

    ``status``: solved, the validator accepted the plan; unsolvable, the planner's whole space was
    searched; unknown, a limit was reached or something failed, which ``problem`` tells. unverified
    is for domains that have no validator. ``usage`` is what model calls cost.
    """

    status: Status
    seconds: float
    expansions: int
    provenance: str
    answer: str | None = None
    plan: Plan | None = None
    problem: str = ""
    usage: Usage

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "answer": self.answer,
            "plan": None if self.plan is None else self.plan.to_dict(),
            "usage": self.usage.to_dict(),
            "expansions": self.expansions,
            "seconds": round(self.seconds, 6),
            "planner": self.provenance,
            "problem": self.problem,
        }


async def solve(
    domain: Domain, planner: StoredPlanner, text: str, limits: Limits | None = None
) -> Solution:
    """Search in the sandbox, then check the plan by the domain's own validator.

    Raises:
        ConfigurationError: the text is no instance of the domain.
    """
    found = await search(planner.code, domain.encode(text), domain.algorithm, limits)
    status: Status = "unknown"
    answer: str | None = None
    problem = found.problem
    if found.plan is not None:
        try:
            answer = domain.validate(text, found.plan)
            status = "solved"
        except InvalidPlanError as error:
            problem = f"the planner's plan is wrong: {error.message}"
    elif found.stop == "exhausted":
        status = "unsolvable"
    elif not problem:
        problem = f"the search ended at its limit of {found.stop}"
    return Solution(
        status=status,
        seconds=found.seconds,
        expansions=found.expansions,
        provenance=planner.provenance,
        answer=answer,
        plan=found.plan if status == "solved" else None,
        problem=problem,
        usage=Usage(),
    )
