from __future__ import annotations

from typing import Any

import pytest
from support.planning import planning_data

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import InvalidPlanError, Plan
from lean_agent_planners.domains.game24.domain import domain
from lean_agent_planners.library import stored_planner
from lean_agent_planners.solving import solve


def _validated(text: str, *states: list[Any]) -> str:
    return domain.validate(text, Plan(states))


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ([[4, 6, 8]], "does not start"),
        ([[4, 6, 8, 10], [6, 8, 10]], "step 1"),  # 4 thrown away
        ([[4, 6, 8, 10], [24, 8, 10], [24]], "step 2"),  # two numbers thrown away
        ([[4, 6, 8, 10], [24]], "step 1"),
        ([[4, 6, 8, 10], [2, 4, 6], [8, 6], [48]], "does not end with 24"),
        ([[4, 6, 8, 10], [2, 4, 6], [10, 2]], "does not end with 24"),
        ([[4, 6, 8, 10], [2, 4, True]], "step 1"),
        ([[4, 6, 8, 10], "24"], "step 1"),
        ([[4, 6, 8, 10], [float("nan"), 4, 6]], "step 1"),
    ],
)
def test_a_wrong_plan_is_refused_at_its_step(states: list[Any], problem: str) -> None:
    with pytest.raises(InvalidPlanError, match=problem):
        domain.validate("4 6 8 10", Plan(tuple(states)))


def test_near_24_is_not_24() -> None:
    # 24 + 1 / 9999 / 9999 is as near as the floats of a state may be to what they stand for.
    states = [[1, 24, 9999, 9999], [1 / 9999, 24, 9999], [1 / 9999 / 9999, 24], [24.00000001]]
    with pytest.raises(InvalidPlanError, match="does not end with 24"):
        _validated("1 24 9999 9999", *states)


@pytest.mark.parametrize("text", ["", "4 6 x", "4 6 8 10 1 1 1", "99999 1", "-4 6 8 10", "1.5 2"])
def test_what_is_no_game_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        domain.encode(text)


@pytest.mark.parametrize(
    ("text", "answer"), [("3 3 8 8", "8 / (3 - (8 / 3))"), ("1 5 5 5", "5 * (5 - (1 / 5))")]
)
async def test_fractions_are_exact(text: str, answer: str) -> None:
    assert (await solve(domain, stored_planner(domain), text)).answer == answer


@pytest.mark.slow
async def test_every_game_of_the_development_set_is_solved() -> None:
    instances = domain.instances(planning_data("game24"))
    assert len(instances) == 1362
    for instance in instances:
        solution = await solve(domain, stored_planner(domain), instance.text)
        assert (solution.status, solution.problem) == ("solved", ""), instance.text
