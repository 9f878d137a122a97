"""Reads a BlocksWorld problem in PDDL, with the facts of the domain ``blocksworld-4ops``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lean_agent.errors import ConfigurationError

__all__ = ["Fact", "Task", "read_task"]

Fact = tuple[str, ...]
Tree = list["Tree | str"]

_ARITY = {"clear": 1, "ontable": 1, "handempty": 0, "holding": 1, "on": 2}
_HINT = "give a PDDL problem of blocksworld-4ops: (define (problem ...) (:init ...) (:goal ...))"
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Task:
    """Facts as ("on", "a", "b"): what holds at first, and what must hold."""

    init: frozenset[Fact]
    goal: frozenset[Fact]


def read_task(text: str) -> Task:
    """The initial state and the goal.

    Raises:
        ConfigurationError: it is no such problem.
    """
    sections: dict[str, Tree] = {}
    for part in _tree(text):
        if isinstance(part, list) and part and isinstance(part[0], str):
            sections[part[0]] = part[1:]
    for name in (":objects", ":init", ":goal"):
        if name not in sections:
            raise ConfigurationError(f"the problem has no section {name}", hint=_HINT)
    goal: Tree = sections[":goal"]
    if goal and isinstance(goal[0], list) and goal[0][:1] == ["and"]:
        goal = goal[0][1:]
    task = Task(_facts(sections[":init"]), _facts(goal))
    _check(task, {name for name in sections[":objects"] if isinstance(name, str)})
    return task


def _tree(text: str) -> Tree:
    tokens = re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text).lower())
    open_lists: list[Tree] = [[]]
    for token in tokens:
        if token == "(":  # noqa: S105 - a parenthesis
            open_lists.append([])
            if len(open_lists) > _DEEPEST:
                raise ConfigurationError("the parentheses are nested too deeply", hint=_HINT)
        elif token == ")":  # noqa: S105
            if len(open_lists) == 1:
                raise ConfigurationError("a parenthesis is closed that was not opened", hint=_HINT)
            done = open_lists.pop()
            open_lists[-1].append(done)
        else:
            open_lists[-1].append(token)
    top = open_lists[0]
    if len(open_lists) > 1 or len(top) != 1 or not isinstance(top[0], list):
        raise ConfigurationError("the text is no one PDDL problem", hint=_HINT)
    if top[0][:1] != ["define"]:
        raise ConfigurationError("the problem does not begin with (define", hint=_HINT)
    return top[0][1:]


def _facts(parts: Tree) -> frozenset[Fact]:
    found: set[Fact] = set()
    for part in parts:
        words = [word for word in part if isinstance(word, str)] if isinstance(part, list) else []
        if not words or len(words) != len(part) or _ARITY.get(words[0]) != len(words) - 1:
            raise ConfigurationError(f"{str(part)[:60]} is no fact of BlocksWorld", hint=_HINT)
        found.add(tuple(words))
    return frozenset(found)


def _check(task: Task, objects: set[str]) -> None:
    """Each block stands in one place at first, and towers end on the table."""
    for fact in task.init | task.goal:
        for name in fact[1:]:
            if name not in objects:
                raise ConfigurationError(f"{name} is not among the objects", hint=_HINT)
    below: dict[str, str | None] = {}
    for fact in task.init:
        if fact[0] in ("on", "ontable", "holding"):
            if fact[1] in below:
                raise ConfigurationError(f"{fact[1]} is in two places at first", hint=_HINT)
            below[fact[1]] = fact[2] if fact[0] == "on" else None
    if unplaced := objects - below.keys():
        raise ConfigurationError(f"where {min(unplaced)} is at first is not said", hint=_HINT)
    grounded: set[str] = set()
    for name in objects:
        seen: set[str] = set()
        place: str | None = name
        while place is not None and place not in grounded:
            if place in seen:
                raise ConfigurationError(f"{name} stands on itself", hint=_HINT)
            seen.add(place)
            place = below[place]
        grounded |= seen
    _check_free(task, objects)


def _check_free(task: Task, objects: set[str]) -> None:
    """What is clear, and whether the arm is empty, follows from where the blocks are."""
    under = [fact[2] for fact in task.init if fact[0] == "on"]
    held = {fact[1] for fact in task.init if fact[0] == "holding"}
    if len(under) != len(set(under)) or len(held) > 1 or held & set(under):
        raise ConfigurationError("two blocks are in one place at first", hint=_HINT)
    clear = {fact[1] for fact in task.init if fact[0] == "clear"}
    if clear != objects - set(under) - held or (("handempty",) in task.init) == bool(held):
        raise ConfigurationError(
            "the facts clear and handempty do not fit where the blocks are", hint=_HINT
        )
