"""Planners that a model has written, on the tasks that the arms of a run were given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from lean_agent import ConfigurationError, Usage
from lean_agent_evals.task import Task
from lean_agent_planners.domain import Domain, InvalidPlanError
from lean_agent_planners.library import StoredPlanner, load_domain
from lean_agent_planners.solving import solve

__all__ = ["Making", "making_cost", "read_makings", "solved_share"]


class _Usage(BaseModel):
    input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int


class _Record(BaseModel):
    seed: int
    calls: int
    usage: _Usage
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One try at having a planner written. ``code`` is None where none passed the tests."""

    domain: str
    model: str
    seed: int
    calls: int
    usage: Usage
    code: str | None


def read_makings(path: Path, domain: Domain) -> list[Making]:
    """The records that ``bench/learning.py`` leaves, in a folder named by all they share.

    Raises:
        ConfigurationError: there is none, one has another form, or they are of another domain or of
            an earlier contract of this one.
    """
    name, _, model = path.absolute().name.partition(f"-{domain.fingerprint}-")
    if name != domain.name or not model:
        raise ConfigurationError(
            f"{path} holds no records of {domain.name} as it is now",
            hint=f"its folder begins with {domain.name}-{domain.fingerprint}-",
        )
    makings = [_making(file, domain.name, model) for file in sorted(path.glob("*.json"))]
    if not makings:
        raise ConfigurationError(f"{path} holds no record of learning", hint="it needs *.json")
    return makings


def _making(file: Path, domain: str, model: str) -> Making:
    try:
        record = _Record.model_validate(json.loads(file.read_bytes()))
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ConfigurationError(f"{file} is no record of learning: {first}") from error
    return Making(
        domain=domain,
        model=model,
        seed=record.seed,
        calls=record.calls,
        usage=Usage(**record.usage.model_dump()),
        code=record.code,
    )


def making_cost(makings: Sequence[Making]) -> float:
    """What one planner took to make, in token units: all tries, those that came to nothing too,
    over the planners that they gave. Infinite where they gave none.
    """
    made = sum(making.code is not None for making in makings)
    spent = sum(making.usage.token_units for making in makings)
    return spent / made if made else float("inf")


async def solved_share(makings: Sequence[Making], tasks: Sequence[Task]) -> float:
    """Of the tasks, the share that a planner solves, on average over those that were made; no model
    is asked. 0 where none was made.
    """
    shares: list[float] = []
    for making in makings:
        if making.code is not None:
            domain = load_domain(making.domain)
            planner = StoredPlanner(
                domain=domain.name, fingerprint=domain.fingerprint, code=making.code
            )
            right = [await _right(domain, planner, task.data["instance"]) for task in tasks]
            shares.append(sum(right) / len(right))
    return sum(shares) / len(shares) if shares else 0.0


async def _right(domain: Domain, planner: StoredPlanner, text: str) -> bool:
    """By the check that every mode's answers go through."""
    solution = await solve(domain, planner, text)
    if solution.answer is None or domain.check_answer is None:
        return False
    try:
        domain.check_answer(text, solution.answer)
    except InvalidPlanError:
        return False
    return True
