"""A planning domain of one's own: who works when. One file, no model.

    lean-agent plan solve examples/planning/shifts.py "mon tue wed; Ana 2 not mon; Ben 1; Eva 1"

First the shifts in order, then each person: the most shifts they take, and when they cannot.
Nobody works twice in a row.
"""

from __future__ import annotations

from typing import Any

from lean_agent import ConfigurationError
from lean_agent_planners.domain import Domain, GoalTest, InvalidPlanError, Plan, Problem
from lean_agent_planners.domain import SuccessorTest as After


def encode(text: str) -> Problem:
    """Read the problem; what no step changes is a plain dict."""
    shifts, *people = (part.split() for part in text.split(";"))
    if not shifts or not people or not all(len(p) > 1 and p[1].isdecimal() for p in people):
        raise ConfigurationError(
            "these are no shifts and people", hint="give 'mon tue; Ana 1 not mon; Ben 1'"
        )
    staff = {name: {"most": int(most), "not": rest[1:]} for name, most, *rest in people}
    return Problem([], {"shifts": shifts, "staff": staff})


def validate(text: str, plan: Plan) -> str:
    """Check the roster by the rules alone, not by the functions below."""
    task = encode(text).static
    roster: list[str] = plan.states[-1] if plan.states else []
    if len(roster) != len(task["shifts"]):
        raise InvalidPlanError("a shift has nobody")
    for number, (shift, name) in enumerate(zip(task["shifts"], roster, strict=True)):
        person = task["staff"].get(name, {"most": 0, "not": []})
        if shift in person["not"] or roster.count(name) > person["most"]:
            raise InvalidPlanError(f"{name} cannot work on {shift}")
        if number and roster[number - 1] == name:
            raise InvalidPlanError(f"{name} works twice in a row on {shift}")
    return ", ".join(f"{s}: {name}" for s, name in zip(task["shifts"], roster, strict=True))


def successors(state: list[str], task: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The next shift, given to each person who can take it."""
    shift = task["shifts"][len(state)]
    free = [
        name
        for name, person in task["staff"].items()
        if shift not in person["not"]
        and state.count(name) < person["most"]
        and state[-1:] != [name]
    ]
    return [(f"{name} takes {shift}", [*state, name]) for name in free]


def is_goal(state: list[str], task: dict[str, Any]) -> bool:
    """Every shift has somebody."""
    return len(state) == len(task["shifts"])


TASK = encode("mon tue; Ana 1 not mon; Ben 1").static
domain = Domain(
    name="shifts",
    summary="who works when: 'mon tue; Ana 1 not mon; Ben 1'",
    description="A state is the list of who works, shift by shift. A step fills the next shift.",
    static="task",
    algorithm="dfs",
    encode=encode,
    validate=validate,
    goal_tests=(GoalTest(["Ben", "Ana"], True, TASK), GoalTest(["Ben"], False, TASK)),
    successor_tests=(After([], (["Ben"],), TASK), After(["Ben"], (["Ben", "Ana"],), TASK)),
    solved="mon tue; Ana 1 not mon; Ben 1",
    unsolvable="mon tue; Ana 2",
)
