"""One search in the sandbox: a planner's text and ours in, a plan or the reason for none out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from lean_agent.sandbox import SandboxResult, run_python
from lean_agent_planners.domain import Algorithm, Plan, Problem

__all__ = ["Found", "Limits", "Stop", "algorithms", "search"]

Stop = Literal["goal", "exhausted", "expansions", "seconds", "memory", "failed"]

_CALL_SECONDS = 1.0
_MAX_OUTPUT_CHARS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one search may take. ``weight`` is that of the heuristic in A*; above 1 it is quicker
    and plans may be longer."""

    expansions: int = 1_000_000
    seconds: float = 30.0
    memory_bytes: int = 512 * 1024 * 1024
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a search ended. ``plan`` is there at a goal; ``problem`` is one line for who wrote the
    planner, "" where its functions did what they should."""

    stop: Stop
    seconds: float
    expansions: int = 0
    plan: Plan | None = None
    problem: str = ""


class _Result(BaseModel):
    """What ``algorithms.run`` returns, unless the planner's text has put something else there."""

    stop: Stop
    states: list[Any]
    actions: list[str | None]
    expansions: int
    problem: str
    call: str


async def search(
    code: str, problem: Problem, algorithm: Algorithm = "bfs", limits: Limits | None = None
) -> Found:
    """Search with the planner whose text is ``code``. Never raises for anything it does.

    Raises:
        ConfigurationError: the problem is no JSON, or the sandbox cannot start.
    """
    limits = limits or Limits()
    began = time.perf_counter()
    ran = await run_python(
        f"{algorithms()}\nrun(_code, _problem, _algorithm, _limits)",
        # The search looks at the clock itself: beyond that, a single call has not returned.
        seconds=limits.seconds + _CALL_SECONDS,
        memory_bytes=limits.memory_bytes,
        inputs={
            "_code": code,
            "_problem": {
                "start": problem.start,
                "static": [] if problem.static is None else [problem.static],
            },
            "_algorithm": algorithm,
            "_limits": {
                "expansions": limits.expansions,
                "seconds": limits.seconds,
                "weight": limits.weight,
            },
        },
        max_output_chars=_MAX_OUTPUT_CHARS,
    )
    return _found(ran, time.perf_counter() - began)


@cache
def algorithms() -> str:
    """The text that runs in the sandbox before what calls it."""
    return Path(__file__).with_name("algorithms.py").read_text(encoding="utf-8")


def _found(ran: SandboxResult, seconds: float) -> Found:
    if ran.error is not None:
        if ran.error.startswith("MemoryError"):
            return Found(stop="memory", seconds=seconds, problem=ran.error)
        if ran.error.startswith("TimeoutError"):
            problem = f"a function did not return within {_CALL_SECONDS:g} s"
            return Found(stop="failed", seconds=seconds, problem=problem)
        return Found(stop="failed", seconds=seconds, problem=ran.error)
    # Whatever the planner's text put in the place of our functions, this is data to be checked.
    try:
        result = _Result.model_validate(ran.value, strict=True)
    except ValidationError:
        problem = "the search gave no result: its states are no JSON, or too large"
        return Found(stop="failed", seconds=seconds, problem=problem)
    problem = f"{result.call}: {result.problem}" if result.call else result.problem
    plan = None
    if result.stop == "goal" and result.states:
        plan = Plan(tuple(result.states), tuple(result.actions[1:]))
    return Found(
        stop=result.stop,
        seconds=seconds,
        expansions=result.expansions,
        plan=plan,
        problem=" ".join(problem.split()),
    )
