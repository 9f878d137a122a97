"""A shop and the goals in it: the same for the same split and seed, in every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.making import make_catalogue, make_goals
from lean_agent_evals.suites.webshop_like.official import GoalSource, load_official
from lean_agent_evals.task import Split

__all__ = ["Contents", "invented", "official"]

_TEST_GOALS = 500


@dataclass(frozen=True, slots=True)
class Contents:
    """``goals`` by number."""

    catalogue: Catalogue
    goals: Mapping[int, Goal]


@lru_cache(maxsize=4)
def invented(split: Split, seed: int, products: int) -> Contents:
    """Another shop for each split and seed. Made once in a process; the last four are kept."""
    catalogue = make_catalogue(split, seed, products)
    return Contents(catalogue, dict(enumerate(make_goals(catalogue, split, seed))))


@lru_cache(maxsize=4)
def official(split: Split, folder: Path, source: GoalSource) -> Contents:
    """For the test the first 500 goals, as in the original (or half, where there are fewer than
    1,000), for development the others. Goals in the same words as an earlier one are left out.

    Raises:
        ConfigurationError: a file is missing or is not what it should be.
    """
    catalogue, goals = _loaded(folder, source)
    cut = min(_TEST_GOALS, len(goals) // 2)
    first: dict[str, int] = {}
    for number, goal in enumerate(goals):
        first.setdefault(goal.instruction, number)
    chosen = {n: goals[n] for n in first.values() if (n < cut) == (split == "test")}
    return Contents(catalogue, chosen)


@lru_cache(maxsize=2)
def _loaded(folder: Path, source: GoalSource) -> tuple[Catalogue, list[Goal]]:
    return load_official(folder, source)
