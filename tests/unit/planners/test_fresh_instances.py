"""The shipped planners on instances that no data set holds."""

from __future__ import annotations

import random

import pytest
from support.fresh_instances import GENERATORS

from lean_agent_planners.library import domain_names, load_domain, stored_planner
from lean_agent_planners.solving import solve

QUICK = 12
MANY = {"blocksworld": 500, "crosswords": 500, "game24": 1_000, "prontoqa": 500, "sokoban": 200}


async def solves(name: str, seed: int) -> bool:
    """Whether the instance is solved or given up as it should be; True where it has a plan."""
    fresh = GENERATORS[name](random.Random(f"{name} {seed}"))
    domain = load_domain(name)
    solution = await solve(domain, stored_planner(domain), fresh.text)
    told = f"{name}, seed {seed}: {solution.problem}\n{fresh.text}"
    assert solution.status == ("solved" if fresh.solvable else "unsolvable"), told
    if fresh.solvable:
        assert solution.answer is not None
        assert fresh.answer in (None, solution.answer), told
        assert domain.check_answer is not None
        assert domain.check_answer(fresh.text, solution.answer) == solution.answer, told
    return fresh.solvable


def test_every_shipped_domain_has_a_generator() -> None:
    assert [*GENERATORS] == domain_names()


@pytest.mark.parametrize("name", GENERATORS)
async def test_fresh_instances_are_solved(name: str) -> None:
    assert any([await solves(name, seed) for seed in range(QUICK)])


@pytest.mark.parametrize("name", ["crosswords", "game24"])
async def test_some_that_have_no_plan_are_among_them(name: str) -> None:
    assert {await solves(name, seed) for seed in range(QUICK)} == {True, False}


@pytest.mark.soak
@pytest.mark.parametrize("name", GENERATORS)
async def test_many_fresh_instances_are_solved(name: str) -> None:
    for seed in range(QUICK, QUICK + MANY[name]):
        await solves(name, seed)
