"""What solves search problems without a model: the contract of plan mode. Spec: planners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from lean_agent.model import ModelRequest, ModelResponse

__all__ = ["Ask", "PlanStatus", "PlannedAnswer", "Planner", "Recognised"]

Ask = Callable[[ModelRequest], Awaitable[ModelResponse]]
"""A model call, charged to the run. Raises LimitExceededError where the budget has no room."""

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
            Exception: it could not begin; an unforced run goes on in another mode.
        """
        ...

    async def devise(self, task: str, ask: Ask) -> PlannedAnswer:
        """Have a model write a task of no known domain down as a search problem, and search it.

        Nothing that is trusted checks it: ``unverified`` at best, and ``evidence`` says how sure.

        Raises:
            LimitExceededError: there was no room for a call.
            LeanAgentError: a call failed.
        """
        ...
