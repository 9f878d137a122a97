"""What every shipped domain and its planner must hold; a new folder is found by itself."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import Domain, InvalidPlanError, Plan
from lean_agent_planners.library import domain_names, load_domain, stored_planner
from lean_agent_planners.solving import solve


@pytest.fixture(params=domain_names())
def domain(request: pytest.FixtureRequest) -> Domain:
    return load_domain(request.param)


def _planner(domain: Domain) -> Any:
    return importlib.import_module(f"lean_agent_planners.domains.{domain.name}.planner")


def _static(domain: Domain, value: Any) -> list[Any]:
    return [value] if domain.static else []


def test_the_planner_knows_goals(domain: Domain) -> None:
    assert {test.expected for test in domain.goal_tests} == {True, False}
    for test in domain.goal_tests:
        given = _planner(domain).is_goal(test.state, *_static(domain, test.static))
        assert given is test.expected, test.state


def test_the_planner_gives_exactly_the_successors(domain: Domain) -> None:
    assert domain.successor_tests
    for test in domain.successor_tests:
        given = _planner(domain).successors(test.state, *_static(domain, test.static))
        states: list[Any] = [one[1] if type(one) is tuple else one for one in given]
        assert {*map(domain.canonical, states)} == {*map(domain.canonical, test.successors)}
        assert not any(domain.step_problem(test.state, state) for state in states)


async def test_its_instances_end_as_they_should(domain: Domain) -> None:
    solution = await solve(domain, stored_planner(domain), domain.solved)
    assert (solution.status, solution.problem) == ("solved", "")
    assert solution.answer
    if domain.unsolvable is not None:
        without = await solve(domain, stored_planner(domain), domain.unsolvable)
        assert (without.status, without.plan) == ("unsolvable", None)


async def test_a_plan_is_refused_that_is_cut_or_empty(domain: Domain) -> None:
    solution = await solve(domain, stored_planner(domain), domain.solved)
    assert solution.plan is not None
    states = solution.plan.states
    for wrong in ((), states[1:], states[:-1], (states[0], states[-1], states[0])):
        with pytest.raises(InvalidPlanError):
            domain.validate(domain.solved, Plan(tuple(wrong)))


def test_what_is_no_instance_is_refused(domain: Domain) -> None:
    for text in ("", "(((", "no instance of anything"):
        with pytest.raises(ConfigurationError):
            domain.encode(text)
