"""PrOntoQA (2210.01240): whether a statement follows from rules, or its opposite does.

Tests as in AutoToS (2408.11326): a state is what is known of the one thing that is asked about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.answers import answer_line
from lean_agent_planners.domain import (
    Domain,
    GoalTest,
    Instance,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
    same,
)
from lean_agent_planners.domains.prontoqa.recognising import find
from lean_agent_planners.domains.prontoqa.statements import read_task

__all__ = ["domain"]

_DESCRIPTION = """\
Rules say what follows from what: from the rule ["insect", "six-legged"], if "insect" is known then
"six-legged" follows. A step adds one conclusion that is not known yet, by a rule whose condition is
known. A rule is used forwards only.

A state is the list of what is known, in any order: ["insect", "six-legged"]. static is a dict:
{"rules": [[condition, conclusion], ...], "goals": ["not-bony", "bony"]}.
"""
_GOAL = """\
A state is a list of words. static["goals"] is a list of words. The state is a goal if it holds at
least one of them, whatever else it holds.
"""

_TASK = (
    "Each lepidopteran is an insect. Insects are arthropods. Arthropods are not bony. Whales are "
    "bony. Sally is a lepidopteran. True or false: Sally is bony."
)
_RULES = [
    ["lepidopteran", "insect"],
    ["arthropod", "small"],
    ["insect", "arthropod"],
    ["whale", "not-small"],
    ["insect", "six-legged"],
]
_STATIC = {"rules": _RULES, "goals": ["not-small", "small"]}


def _encode(text: str) -> Problem:
    task = read_task(text)
    rules = [list(rule) for rule in task.rules]
    return Problem(
        sorted(set(task.facts)), {"rules": rules, "goals": [task.goal, _opposite(task.goal)]}
    )


def _validate(text: str, plan: Plan) -> str:
    """Each step adds what one rule concludes from what is known; the answer is True or False."""
    task = read_task(text)
    known = set(task.facts)
    if not plan.states or _known(plan.states[0]) != known:
        raise InvalidPlanError("the plan does not start with what the task says")
    for number, state in enumerate(plan.states[1:], 1):
        after = _known(state)
        new = after - known
        if len(new) != 1 or not known < after:
            raise InvalidPlanError(f"step {number} does not add exactly one conclusion")
        if not any(then in new and condition in known for condition, then in task.rules):
            raise InvalidPlanError(f"step {number}: no rule concludes {new.pop()!r}")
        known = after
    if (task.goal in known) == (_opposite(task.goal) in known):
        raise InvalidPlanError("the plan ends with neither the statement nor its opposite, or both")
    return str(task.goal in known)


def _check_answer(text: str, answer: str) -> str:
    """The truth by following every rule to the end; the answer's line says one of the two words."""
    task = read_task(text)
    known = set(task.facts)
    while new := {then for condition, then in task.rules if condition in known} - known:
        known |= new
    said = set(re.findall(r"\b(?:true|false)\b", answer_line(answer).lower()))
    if len(said) != 1:
        raise InvalidPlanError("the answer is not one of True and False")
    if (task.goal in known) == (_opposite(task.goal) in known):
        raise InvalidPlanError("neither the statement nor its opposite follows, or both do")
    right = str(task.goal in known)
    if said != {right.lower()}:
        raise InvalidPlanError(f"the statement is {right}")
    return right


def _opposite(goal: str) -> str:
    return goal.removeprefix("not-") if goal.startswith("not-") else f"not-{goal}"


def _known(state: Any) -> set[str]:
    if not isinstance(state, (list, tuple)):
        raise InvalidPlanError("a state is no list")
    words: list[Any] = list(state)  # pyright: ignore[reportUnknownArgumentType]
    if not all(isinstance(word, str) for word in words):
        raise InvalidPlanError("a state holds something other than text")
    return set(words)


def _instances(folder: Path) -> Sequence[Instance]:
    file = folder / "examples_1000.json"
    try:
        examples = json.loads(file.read_text(encoding="utf-8"))["example_pool"]
        return [
            Instance(str(number), f"{one['question']} {one['query']}", one["answer"])
            for number, one in enumerate(examples, 1)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error}",
            hint="it needs 'example_pool', a list with question, query and answer",
        ) from error


def _step_problem(before: Any, after: Any) -> str:
    if len(after) != len(before) + 1 or not set(before) < set(after):
        return "a step must keep what is known and add exactly one conclusion"
    return ""


def _canonical(state: Any) -> str:
    return same(sorted(state))


domain = Domain(
    name="prontoqa",
    summary="true or false, by a chain of rules",
    description=_DESCRIPTION,
    goal=_GOAL,
    static="static",
    encode=_encode,
    validate=_validate,
    instances=_instances,
    check_answer=_check_answer,
    goal_tests=(
        GoalTest(["insect", "small"], True, {"rules": [], "goals": ["not-small", "small"]}),
        GoalTest(["insect", "not-small"], True, {"rules": [], "goals": ["not-small", "small"]}),
        GoalTest(["insect", "bony"], False, {"rules": [], "goals": ["not-small", "small"]}),
        GoalTest(["not-small"], True, {"rules": [], "goals": ["small", "not-small"]}),
        GoalTest(["small", "insect"], True, {"rules": [], "goals": ["small", "not-small"]}),
        GoalTest(
            ["insect"], False, {"rules": [["insect", "small"]], "goals": ["small", "not-small"]}
        ),
    ),
    successor_tests=(
        SuccessorTest(["lepidopteran"], (["lepidopteran", "insect"],), _STATIC),
        SuccessorTest(
            ["insect", "lepidopteran"],
            (
                ["insect", "lepidopteran", "arthropod"],
                ["insect", "lepidopteran", "six-legged"],
            ),
            _STATIC,
        ),
        SuccessorTest(["small"], (), _STATIC),
    ),
    step_problem=_step_problem,
    solved=_TASK,
    unsolvable=_TASK.replace("Sally is bony", "Sally is unicellular"),
    algorithm="astar",
    canonical=_canonical,
    find=find,
)
