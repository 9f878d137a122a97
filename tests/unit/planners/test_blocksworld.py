from __future__ import annotations

from typing import Any

import pytest
from support.planning import planning_data

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import InvalidPlanError, Plan
from lean_agent_planners.domains.blocksworld.domain import domain
from lean_agent_planners.library import stored_planner
from lean_agent_planners.solving import solve

TASK = """
(define (problem two) (:domain blocksworld-4ops) ; a comment (with parentheses
(:objects a b)
(:init (handempty) (ontable a) (on b a) (clear b))
(:goal (and (on a b))))
"""


def _state(clear: str, table: str, on: list[list[str]], held: str | None = None) -> dict[str, Any]:
    return {
        "clear": list(clear),
        "on-table": list(table),
        "arm-empty": held is None,
        "holding": held,
        "on": on,
    }


START = _state("b", "a", [["b", "a"]])
B_HELD = _state("a", "a", [], "b")
BOTH_DOWN = _state("ba", "ab", [])
A_HELD = _state("b", "b", [], "a")
DONE = _state("a", "b", [["a", "b"]])


def test_the_answer_is_the_plan_in_pddl() -> None:
    answer = domain.validate(TASK, Plan((START, B_HELD, BOTH_DOWN, A_HELD, DONE)))
    assert answer.splitlines() == ["(unstack b a)", "(put-down b)", "(pick-up a)", "(stack a b)"]


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ((B_HELD, BOTH_DOWN, A_HELD, DONE), "does not start"),
        ((START, BOTH_DOWN, A_HELD, DONE), "step 1"),
        ((START, A_HELD, DONE), "step 1"),
        ((START, B_HELD, BOTH_DOWN), "on a b does not hold"),
        ((START, {"clear": 1}), "step 1"),
        ((START, None), "step 1"),
        ((START, {**B_HELD, "on": "no pairs"}), "step 1"),
    ],
)
def test_a_wrong_plan_is_refused_at_its_step(states: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(InvalidPlanError, match=problem):
        domain.validate(TASK, Plan(states))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("(:objects a b)", "", "no section :objects"),
        ("(clear b))", "(clear b)", "no one PDDL problem"),
        ("(on b a)", "(on b c)", "c is not among the objects"),
        ("(ontable a)", "", "where a is at first is not said"),
        ("(ontable a)", "(on a b)", "stands on itself"),
        ("(on b a)", "(on b a) (ontable b)", "in two places"),
        ("(clear b)", "(clear a)", "do not fit"),
        ("(handempty)", "", "do not fit"),
        ("(on b a)", "(holding b)", "do not fit"),
        ("(on a b)", "(above a b)", "is no fact of BlocksWorld"),
        ("(on a b)", "(holding a)", "the goal names the arm"),
    ],
)
def test_what_is_no_problem_is_refused(old: str, new: str, problem: str) -> None:
    assert old in TASK
    with pytest.raises(ConfigurationError, match=problem):
        domain.encode(TASK.replace(old, new))


async def test_a_sample_of_the_development_set_is_solved() -> None:
    instances = domain.instances(planning_data("blocksworld"))
    assert len(instances) == 250
    for instance in instances[::10]:
        solution = await solve(domain, stored_planner(domain), instance.text)
        assert (solution.status, solution.problem) == ("solved", ""), instance.name
