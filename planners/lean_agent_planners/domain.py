"""What a planning domain is: all that is trusted about it.

A planner, functions that a model or a person wrote, is judged by this alone. It is text that
defines

    successors(state) -> list     the states after one step, each alone or as (action text, state)
    is_goal(state) -> bool
    heuristic(state) -> number    optional: steps still to go; None for a dead end
    key(state)                    optional: a hashable that equal states share

and, where the domain has a ``static`` value, takes it as second parameter of the first three.
States are JSON values. Spec: planners ("Thought of Search").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lean_agent.errors import ConfigurationError, PlannerError

__all__ = [
    "ActionKind",
    "Algorithm",
    "Domain",
    "Excerpt",
    "GoalTest",
    "Instance",
    "InvalidPlanError",
    "Plan",
    "Problem",
    "SuccessorTest",
    "same",
    "text_files",
]

Algorithm = Literal["bfs", "dfs", "astar", "idastar"]


class InvalidPlanError(PlannerError):
    """A plan does not solve its instance; the message says at which step and why."""

    code = "invalid_plan"


@dataclass(frozen=True, slots=True)
class Problem:
    """Where the search starts. ``static`` holds what no step changes (a goal, walls, rules)."""

    start: Any
    static: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """From the start to a goal. ``actions[i]``, if named, leads from state i to state i + 1."""

    states: tuple[Any, ...]
    actions: tuple[str | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"states": list(self.states), "actions": list(self.actions)}


@dataclass(frozen=True, slots=True)
class Instance:
    """One task of a data set: a name, and the text that ``Domain.encode`` reads.

    ``answer`` is what the data set holds as right, where it does.
    """

    name: str
    text: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """An instance's text in a task as a person writes it, and the words ``around`` it."""

    instance: str
    around: str


@dataclass(frozen=True, slots=True)
class GoalTest:
    """Whether this state is a goal."""

    state: Any
    expected: bool
    static: Any = None


@dataclass(frozen=True, slots=True)
class SuccessorTest:
    """Exactly these states follow, in any order."""

    state: Any
    successors: tuple[Any, ...]
    static: Any = None


@dataclass(frozen=True, slots=True)
class ActionKind:
    """One kind of step, which a model writes as a function of its own.

    ``name`` is the function's, ``description`` says what such a step does, and ``tests`` what the
    states after it are. The function takes the ``static`` value where the first test has one.
    """

    name: str
    description: str
    tests: tuple[SuccessorTest, ...]

    @property
    def takes_static(self) -> bool:
        return self.tests[0].static is not None


def same(state: Any) -> str:
    """The text that equal states share: JSON with sorted keys."""
    return json.dumps(state, sort_keys=True)


def text_files(folder: Path) -> Sequence[Instance]:
    """The ``*.txt`` of a folder, an instance each.

    Raises:
        ConfigurationError: one cannot be read.
    """
    try:
        files = sorted(folder.glob("*.txt"))
        return [Instance(file.stem, file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"an instance cannot be read: {error}") from error


def _nowhere(_task: str) -> None:
    return None


def _possible(_before: Any, _after: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain as trusted code describes it.

    Attributes:
        name: As in ``lean-agent plan solve NAME``.
        summary: One line for the list.
        description: For the model: what a step does, and the exact form of a state.
        goal: For the model: when a state is a goal, and as much of its form as that needs. Told in
            place of the description where ``is_goal`` is to be written; "" for the description.
        static: The name of the functions' second parameter; "" where there is none.
        encode: Reads an instance's text. Raises ConfigurationError for what is none.
        validate: Checks a plan step by step from the instance's text alone, without the planner,
            and returns the answer in the domain's own words. Raises InvalidPlanError.
        instances: Reads a folder of the domain's data. Raises ConfigurationError.
        check_answer: Judges an answer in words, whoever wrote it, from the instance's text alone:
            gives it back in the domain's own words, or raises InvalidPlanError. None where the
            domain has no such check.
        actions: The kinds of step, where ``successors`` is easier to learn as one function each.
        goal_tests, successor_tests: What ``is_goal`` and ``successors`` must give.
        step_problem: Partial soundness: what is wrong with a step from one state to another,
            "" for nothing ("one number fewer").
        solved, unsolvable: The text of an instance that has a plan, and of one that has none
            (None in a domain where every instance has one).
        algorithm: The search that suits it.
        canonical: What equal states share, where the order of a list means nothing.
        find: Finds an instance in a task; None where there is none. It must leave every other
            question alone: what it finds is solved without asking a model.
        file: Where a domain of the user's own is from; None of a shipped one.
    """

    name: str
    summary: str
    description: str
    goal: str = ""
    encode: Callable[[str], Problem]
    validate: Callable[[str, Plan], str]
    instances: Callable[[Path], Sequence[Instance]] = text_files
    goal_tests: tuple[GoalTest, ...]
    successor_tests: tuple[SuccessorTest, ...]
    actions: tuple[ActionKind, ...] = ()
    step_problem: Callable[[Any, Any], str] = _possible
    solved: str
    unsolvable: str | None = None
    check_answer: Callable[[str, str], str] | None = None
    static: str = ""
    algorithm: Algorithm = "bfs"
    canonical: Callable[[Any], str] = same
    find: Callable[[str], Excerpt | None] = _nowhere
    file: Path | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The functions that a model writes, by name."""
        return ("is_goal", *([kind.name for kind in self.actions] or ["successors"]))

    def tests_of(self, part: str) -> Sequence[GoalTest] | Sequence[SuccessorTest]:
        """What one of the ``parts`` must give; of "successors" also where that is no part."""
        if part == "is_goal":
            return self.goal_tests
        return next(
            (kind.tests for kind in self.actions if kind.name == part), self.successor_tests
        )

    @property
    def fingerprint(self) -> str:
        """Changes with what a planner must satisfy: 16 hexadecimal digits."""
        contract = [
            self.name,
            self.description,
            self.goal,
            self.static,
            [
                [
                    kind.name,
                    kind.description,
                    [[t.state, t.static, t.successors] for t in kind.tests],
                ]
                for kind in self.actions
            ],
            [[test.state, test.static, test.expected] for test in self.goal_tests],
            [[test.state, test.static, test.successors] for test in self.successor_tests],
            self.solved,
            self.unsolvable,
        ]
        return hashlib.sha256(json.dumps(contract, sort_keys=True).encode()).hexdigest()[:16]
