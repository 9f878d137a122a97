"""A planning domain of one's own, in one file: measure water with jugs that have no marks.

    lean-agent plan solve examples/planning/water_jugs.py "3 5: 4"

In the folder `domains` of your data folder it is known by its name, as `water_jugs`.
"""

from __future__ import annotations

import re
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import (
    Domain,
    Excerpt,
    GoalTest,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
)

DESCRIPTION = """\
There are jugs without marks and as much water as one likes. A step fills a jug to the brim, empties
it, or pours it into another until that is full or this is empty. The goal is that some jug holds
exactly the amount that is wanted.

A state is the list of what is in each jug, as [0, 3]. task is a dict:
{"sizes": [3, 5], "wanted": 4}; sizes[i] is how much jug i can hold.
"""


def encode(text: str) -> Problem:
    """Read '3 5: 4': the jugs' sizes, then what is wanted."""
    read = re.fullmatch(r"\s*((?:\d{1,4}\s+){1,4}\d{1,4})\s*:\s*(\d{1,4})\s*", text)
    if read is None:
        raise ConfigurationError(f"{text[:80]!r} is no task with jugs", hint="give '3 5: 4'")
    sizes = [int(size) for size in read[1].split()]
    return Problem([0] * len(sizes), {"sizes": sizes, "wanted": int(read[2])})


def validate(text: str, plan: Plan) -> str:
    """Pour along; what a step does is worked out here, without the planner."""
    task = encode(text).static
    sizes, held = task["sizes"], [0] * len(task["sizes"])
    if not plan.states or plan.states[0] != held:
        raise InvalidPlanError("the plan does not start with empty jugs")
    said: list[str] = []
    for number, state in enumerate(plan.states[1:], 1):
        step = next((words for words, after in _steps(held, sizes) if after == state), None)
        if step is None:
            raise InvalidPlanError(f"step {number} is no way to pour")
        said.append(f"{step}: {state}")
        held = list(state)
    if task["wanted"] not in held:
        raise InvalidPlanError("no jug holds what is wanted")
    return "\n".join(said)


def _steps(held: list[int], sizes: list[int]) -> list[tuple[str, list[int]]]:
    steps: list[tuple[str, list[int]]] = []
    for i, size in enumerate(sizes):
        steps.append((f"fill the {size}", [*held[:i], size, *held[i + 1 :]]))
        steps.append((f"empty the {size}", [*held[:i], 0, *held[i + 1 :]]))
        for j, other in enumerate(sizes):
            if i != j:
                after = list(held)
                after[j] = min(other, held[i] + held[j])
                after[i] = held[i] + held[j] - after[j]
                steps.append((f"pour the {size} into the {other}", after))
    return steps


def find(task: str) -> Excerpt | None:
    """Find 'jugs of 3 and 5 litres ... measure 4'; without this no task in words is known."""
    said = re.fullmatch(
        r"(?P<begin>.*)\bjugs of (?P<sizes>\d+(?:(?:, | and )\d+)+) (?P<between>.*)"
        r"\bmeasure (?:exactly )?(?P<wanted>\d+)\b(?P<end>.*)",
        task,
        re.DOTALL,
    )
    if said is None:
        return None
    sizes = " ".join(re.findall(r"\d+", said["sizes"]))
    around = f"{said['begin']} {said['between']} {said['end']}"
    return Excerpt(f"{sizes}: {said['wanted']}", around)


TASK = {"sizes": [3, 5], "wanted": 4}

domain = Domain(
    name="water_jugs",
    summary="measure water with jugs: '3 5: 4'",
    description=DESCRIPTION,
    static="task",
    encode=encode,
    validate=validate,
    find=find,
    goal_tests=(
        GoalTest([3, 4], True, TASK),
        GoalTest([3, 5], False, TASK),
        GoalTest([0, 0], False, TASK),
        GoalTest([4, 1], True, TASK),
    ),
    successor_tests=(
        SuccessorTest([0, 0], ([3, 0], [0, 5]), TASK),
        SuccessorTest([3, 0], ([0, 0], [3, 5], [0, 3]), TASK),
        SuccessorTest([1, 5], ([3, 5], [0, 5], [1, 0], [3, 3]), TASK),
    ),
    solved="3 5: 4",
    unsolvable="2 4: 3",
)


# The planner is optional: `lean-agent plan learn examples/planning/water_jugs.py` has a model write
# it. These functions run in the sandbox, each by itself: no name from above is known there.


def successors(state: list[int], task: dict[str, Any]) -> list[tuple[str, list[int]]]:
    """Every way to fill, empty or pour that changes something."""
    sizes = task["sizes"]
    found: list[tuple[str, list[int]]] = []
    for i, size in enumerate(sizes):
        if state[i] < size:
            found.append((f"fill the {size}", [*state[:i], size, *state[i + 1 :]]))
        if state[i] > 0:
            found.append((f"empty the {size}", [*state[:i], 0, *state[i + 1 :]]))
        for j, other in enumerate(sizes):
            moved = min(state[i], other - state[j])
            if i != j and moved > 0:
                after = list(state)
                after[i] -= moved
                after[j] += moved
                found.append((f"pour the {size} into the {other}", after))
    return found


def is_goal(state: list[int], task: dict[str, Any]) -> bool:
    """Some jug holds what is wanted."""
    return task["wanted"] in state
