import json
import os
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import InvalidPlanError, Plan
from lean_agent_planners.domains.prontoqa import planner
from lean_agent_planners.domains.prontoqa.domain import domain
from lean_agent_planners.library import stored_planner
from lean_agent_planners.solving import solve

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = DATA / "planning" / "prontoqa"
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no PrOntoQA in {FOLDER}: set LEAN_AGENT_TEST_DATA"
)
TASK = (
    "Painted ladies are butterflies. Every butterfly is not bony. Sheep are bony. "
    "Ann is a painted lady. True or false: Ann is bony."
)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines() if line]


def test_sentences_are_read_as_rules_in_the_singular():
    problem = domain.encode(TASK)
    assert problem.start == ["painted lady"]
    assert problem.static["rules"] == [
        ["painted lady", "butterfly"],
        ["butterfly", "not-bony"],
        ["sheep", "bony"],
    ]
    assert problem.static["goals"] == ["bony", "not-bony"]


@pytest.mark.parametrize("text", ["", "Sally is a cat.", "Hm. True or false: Sally is bony."])
def test_what_is_no_task_is_refused(text: str):
    with pytest.raises(ConfigurationError):
        domain.encode(text)


def test_a_right_plan_gives_the_answer():
    steps = (["painted lady"], ["painted lady", "butterfly"])
    assert domain.validate(TASK, Plan((*steps, [*steps[1], "not-bony"]))) == "False"


@pytest.mark.parametrize(
    "states",
    [
        (),
        (["painted lady"],),
        (["butterfly"], ["butterfly", "not-bony"]),
        (["painted lady"], ["painted lady", "not-bony"]),
        (["painted lady"], ["painted lady", "butterfly", "not-bony"]),
        (["painted lady"], ["painted lady", "butterfly"], ["painted lady", "not-bony"]),
        (["painted lady"], 3),
    ],
)
def test_a_wrong_plan_is_refused(states: tuple[Any, ...]):
    with pytest.raises(InvalidPlanError):
        domain.validate(TASK, Plan(states))


@needs_data
def test_the_data_s_own_tests_hold():
    for name, expected in (("goals", True), ("non_goals", False)):
        for case in lines(f"prontoqa_{name}.jsonl"):
            goal: str = case["goal"]
            opposite = goal.removeprefix("not-") if goal.startswith("not-") else f"not-{goal}"
            static: dict[str, Any] = {"rules": [], "goals": [goal, opposite]}
            assert planner.is_goal(case["state"], static) is expected
    for case in lines("prontoqa_successors.jsonl"):
        found = planner.successors(case["state"], {"rules": case["rules"], "goals": []})
        assert {domain.canonical(state) for _, state in found} == {
            domain.canonical(state) for state in case["successors"]
        }


@needs_data
@pytest.mark.slow
async def test_every_example_gets_the_data_s_answer():
    planned = stored_planner(domain)
    for instance in domain.instances(FOLDER):
        solution = await solve(domain, planned, instance.text)
        assert (solution.status, solution.answer) == ("solved", instance.answer), instance.name
