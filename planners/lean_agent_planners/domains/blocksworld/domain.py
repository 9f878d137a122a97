"""BlocksWorld: bring towers of blocks into another order with one arm (four operators, PDDL)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import (
    ActionKind,
    Domain,
    GoalTest,
    Instance,
    InvalidPlanError,
    Plan,
    Problem,
    SuccessorTest,
)
from lean_agent_planners.domains.blocksworld.operators import read_actions, steps
from lean_agent_planners.domains.blocksworld.pddl import Fact, read_task
from lean_agent_planners.pddl_text import find_problem

__all__ = ["domain"]

_DESCRIPTION = """\
An arm moves blocks one at a time. A state is a dict: "clear": list of clear blocks; "on-table":
list of blocks on the table; "arm-empty": True or False; "holding": the block held or None; "on":
list of pairs [x, y], x stands on y. The order of lists means nothing. A block is clear if nothing
is on it and it is not held.
"""
_GOAL = """\
The state and the goal are dicts of lists; goal has the names "clear", "on-table" and "on". The
state is a goal if for each of these names every item of goal[name] is in state[name], whatever else
is there.
"""


def _state(facts: frozenset[Fact]) -> dict[str, Any]:
    held = [fact[1] for fact in facts if fact[0] == "holding"]
    return {
        **_lists(facts),
        "arm-empty": ("handempty",) in facts,
        "holding": held[0] if held else None,
    }


def _lists(facts: frozenset[Fact]) -> dict[str, Any]:
    return {
        "clear": sorted(fact[1] for fact in facts if fact[0] == "clear"),
        "on-table": sorted(fact[1] for fact in facts if fact[0] == "ontable"),
        "on": sorted([fact[1], fact[2]] for fact in facts if fact[0] == "on"),
    }


def _encode(text: str) -> Problem:
    task = read_task(text)
    if any(fact[0] in ("holding", "handempty") for fact in task.goal):
        raise ConfigurationError(
            "the goal names the arm", hint="a goal may hold the facts clear, ontable and on"
        )
    return Problem(_state(task.init), _lists(task.goal))


def _validate(text: str, plan: Plan) -> str:
    """Follow the operators from the task's own facts; the answer is the plan in PDDL."""
    task = read_task(text)
    facts = task.init
    if not plan.states or _canonical(plan.states[0]) != _canonical(_state(facts)):
        raise InvalidPlanError("the plan does not start where the task does")
    actions: list[str] = []
    for number, state in enumerate(plan.states[1:], 1):
        wanted = _canonical(state)
        for action, after in steps(facts):
            if _canonical(_state(after)) == wanted:
                actions.append(action)
                facts = after
                break
        else:
            raise InvalidPlanError(f"step {number} is none that the arm can make")
    _check_goal(task.goal, facts)
    return "\n".join(actions)


def _check_answer(text: str, answer: str) -> str:
    """The actions are made one by one from the task's own facts."""
    task = read_task(text)
    facts = task.init
    actions = read_actions(answer)
    if not actions:
        raise InvalidPlanError("the answer names no action")
    for number, action in enumerate(actions, 1):
        possible = dict(steps(facts))
        if action not in possible:
            raise InvalidPlanError(f"step {number}, {action}, is none that the arm can make")
        facts = possible[action]
    _check_goal(task.goal, facts)
    return "\n".join(actions)


def _check_goal(goal: frozenset[Fact], facts: frozenset[Fact]) -> None:
    if missing := goal - facts:
        raise InvalidPlanError(f"at the end {' '.join(min(missing))} does not hold")


def _instances(folder: Path) -> Sequence[Instance]:
    place = folder / "instances"
    files = sorted(place.glob("*.pddl"), key=lambda file: (len(file.name), file.name))
    if not files:
        raise ConfigurationError(
            f"{place} holds no *.pddl", hint="name the folder that contains instances/"
        )
    return [Instance(file.stem, file.read_text(encoding="utf-8")) for file in files]


def _step_problem(before: Any, after: Any) -> str:
    del before
    if (after["holding"] is None) != after["arm-empty"]:
        return "the arm is empty exactly if it holds nothing"
    towers = len(after["on-table"])
    if len(after["clear"]) != towers:
        return "there must be as many clear blocks as blocks on the table"
    return ""


def _canonical(state: Any) -> str:
    """Lists as sets; "" for what is no state at all."""
    try:
        return json.dumps(
            [
                sorted(set(state["clear"])),
                sorted(set(state["on-table"])),
                sorted([x, y] for x, y in state["on"]),
                state["holding"],
                bool(state["arm-empty"]),
            ]
        )
    except (TypeError, KeyError, ValueError):
        return ""


def _at(clear: str, table: str, on: str = "", held: str | None = None) -> dict[str, Any]:
    """A state from short text: ``on`` "ab cd" is a on b and c on d."""
    return {
        "clear": list(clear),
        "on-table": list(table),
        "arm-empty": held is None,
        "holding": held,
        "on": [list(pair) for pair in on.split()],
    }


def _want(on: str, clear: str = "", table: str = "") -> dict[str, Any]:
    return {"clear": list(clear), "on-table": list(table), "on": [list(p) for p in on.split()]}


_TASK = """\
(define (problem three) (:domain blocksworld-4ops) (:objects a b c)
(:init (handempty) (ontable a) (on c a) (ontable b) (clear b) (clear c))
(:goal (and (on a b) (on b c))))
"""

domain = Domain(
    name="blocksworld",
    summary="BlocksWorld: a problem in PDDL (blocksworld-4ops)",
    description=_DESCRIPTION,
    goal=_GOAL,
    static="goal",
    encode=_encode,
    validate=_validate,
    instances=_instances,
    check_answer=_check_answer,
    goal_tests=(
        GoalTest(_at("b", "d", "ac ba cd"), True, _want("ac ba cd")),
        GoalTest(_at("b", "d", "ac ba cd"), False, _want("ab bc cd")),
        GoalTest(_at("ab", "ab"), True, _want("", "a", "b")),
        GoalTest(_at("a", "b", "ab"), False, _want("", "b")),
        GoalTest(_at("a", "a", held="b"), False, _want("ba")),
    ),
    successor_tests=(
        SuccessorTest(_at("b", "d", "ac ba cd"), (_at("a", "d", "ac cd", "b"),), _want("ab")),
        SuccessorTest(
            _at("a", "d", "ac cd", "b"),
            (_at("ab", "bd", "ac cd"), _at("b", "d", "ac ba cd")),
            _want("ab"),
        ),
        SuccessorTest(
            _at("bc", "ab", "ca"),
            (_at("ab", "ab", held="c"), _at("c", "a", "ca", "b")),
            _want("ab"),
        ),
    ),
    actions=(
        ActionKind(
            "pick_up",
            'Such a step picks up a block from the table. It is possible only if "arm-empty" is '
            'True. For each block that is in both "clear" and "on-table" there is one state: '
            'the block is taken out of "clear" and out of "on-table", "holding" is the block, '
            'and "arm-empty" is False. "on" stays as it is.',
            (
                SuccessorTest(_at("ab", "ab"), (_at("b", "b", held="a"), _at("a", "a", held="b"))),
                SuccessorTest(_at("bc", "ab", "ca"), (_at("c", "a", "ca", "b"),)),
                SuccessorTest(_at("a", "a", held="b"), ()),
            ),
        ),
        ActionKind(
            "put_down",
            "Such a step puts the block that is held on the table. It is possible only if "
            '"holding" is a block, not None. There is one state: the block is added to "on-table" '
            'and to "clear", "holding" is None, and "arm-empty" is True. "on" stays as it is.',
            (
                SuccessorTest(_at("a", "a", held="b"), (_at("ab", "ab"),)),
                SuccessorTest(_at("a", "d", "ac cd", "b"), (_at("ab", "bd", "ac cd"),)),
                SuccessorTest(_at("ab", "ab"), ()),
            ),
        ),
        ActionKind(
            "unstack",
            'Such a step takes a block off another. It is possible only if "arm-empty" is True. '
            'For each pair [x, y] in "on" whose x is in "clear" there is one state: the pair is '
            'taken out of "on", x out of "clear", y is added to "clear", "holding" is x, and '
            '"arm-empty" is False. "on-table" stays as it is.',
            (
                SuccessorTest(_at("b", "a", "ba"), (_at("a", "a", held="b"),)),
                SuccessorTest(_at("b", "d", "ac ba cd"), (_at("a", "d", "ac cd", "b"),)),
                SuccessorTest(
                    _at("bd", "ac", "ba dc"),
                    (_at("ad", "ac", "dc", "b"), _at("bc", "ac", "ba", "d")),
                ),
                SuccessorTest(_at("a", "a", held="b"), ()),
                SuccessorTest(_at("b", "c", "bc", "a"), ()),
            ),
        ),
        ActionKind(
            "stack",
            "Such a step puts the block x that is held on another. It is possible only if "
            '"holding" is a block, not None. For each y in "clear" there is one state: the pair '
            '[x, y] is added to "on", y is taken out of "clear", x is added to "clear", '
            '"holding" is None, and "arm-empty" is True. "on-table" stays as it is.',
            (
                SuccessorTest(_at("a", "a", held="b"), (_at("b", "a", "ba"),)),
                SuccessorTest(
                    _at("ac", "ac", held="b"), (_at("bc", "ac", "ba"), _at("ba", "ac", "bc"))
                ),
                SuccessorTest(_at("a", "d", "ac cd", "b"), (_at("b", "d", "ac ba cd"),)),
                SuccessorTest(_at("ab", "ab"), ()),
            ),
        ),
    ),
    step_problem=_step_problem,
    solved=_TASK,
    unsolvable=_TASK.replace("(on b c)", "(on b a)"),
    algorithm="astar",
    canonical=_canonical,
    find=find_problem,
)
