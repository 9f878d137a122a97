"""What solves search problems without a model: the contract of plan mode. Spec: planners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

__all__ = ["PlanStatus", "PlannedAnswer", "Planner", "Recognised"]

PlanStatus = Literal["solved", "unsolvable", "unverified", "unknown"]
"""solved: an independent validator accepted the plan. unsolvable: the whole space was searched.
unverified: nothing checked the plan. unknown: there is none, for a limit or a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A task that is an instance of a known domain; ``instance`` is the part that it reads."""

    domain: str
    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAnswer:
    """What became of a task.

    ``answer`` is for whoever asked, "" where there is none; ``evidence`` says in one line what was
    done by which planner, or why there is no answer. ``expansions`` counts states.
    """

    status: PlanStatus
    answer: str
    evidence: str
    expansions: int = 0


@runtime_checkable
class Planner(Protocol):
    """Solves the problems of some domains; named by an entry point in ``lean_agent.planners``."""

    @property
    def domains(self) -> Sequence[str]:
        """Their names."""
        ...

    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        """Which domain's instance a task is, alone or with one of the ``files`` attached to it.

        Free: it calls no model, and is quick for text that is no instance. None unless nothing else
        can be meant; where the caller has ``forced`` plan mode, what may be one will do.
        """
        ...

    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        """Search, within limits of its own, and check what is found. Calls no model.

        Raises:
            LeanAgentError: it could not begin.
        """
        ...
