"""Planners that a model has written, on the tasks that the arms of a run were given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lean_agent import ConfigurationError, Usage
from lean_agent_evals.table import CostUnit
from lean_agent_evals.task import Task
from lean_agent_planners.domain import Domain, InvalidPlanError
from lean_agent_planners.library import StoredPlanner, load_domain
from lean_agent_planners.solving import solve

__all__ = ["Making", "making_cost", "read_makings", "solved_share"]


class _Usage(BaseModel):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    cost: str | None = None
    provenance: list[str] = []


class _Record(BaseModel):
    domain: str
    model: str
    seed: int
    calls: int
    seconds: float
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


def read_makings(path: Path) -> list[Making]:
    """The records that ``lean-agent plan learn --out`` leaves: one file, or all of a folder.

    Raises:
        ConfigurationError: there is none, one has another form, or they are of several domains or
            models.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    makings = [_making(file) for file in files]
    if not makings:
        raise ConfigurationError(f"{path} holds no record of learning", hint="it needs *.json")
    for what, values in (
        ("domains", {making.domain for making in makings}),
        ("models", {making.model for making in makings}),
    ):
        if len(values) > 1:
            raise ConfigurationError(
                f"{path} holds several {what}: {', '.join(sorted(values))}",
                hint="name the records of one",
            )
    return makings


def _making(file: Path) -> Making:
    try:
        record = _Record.model_validate(json.loads(file.read_bytes()))
        usage = Usage.from_dict(record.usage.model_dump())
    except (OSError, ValueError, ValidationError, ArithmeticError) as error:
        first = str(error).splitlines()[0]
        raise ConfigurationError(f"{file} is no record of learning: {first}") from error
    return Making(
        domain=record.domain,
        model=record.model,
        seed=record.seed,
        calls=record.calls,
        usage=usage,
        code=record.code,
    )


def making_cost(makings: Sequence[Making], unit: CostUnit) -> float:
    """What one planner took to make: all tries, those that came to nothing too, over the planners
    that they gave. Infinite where they gave none.

    Raises:
        ConfigurationError: US dollars are asked for and a try has no price in them.
    """
    made = sum(making.code is not None for making in makings)
    if not made:
        return float("inf")
    if unit == "token_units":
        return sum(making.usage.token_units for making in makings) / made
    costs = [making.usage.cost for making in makings]
    if any(cost is None for cost in costs):
        raise ConfigurationError("a record of learning has no price in US dollars")
    return float(sum(cost for cost in costs if cost is not None)) / made


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
