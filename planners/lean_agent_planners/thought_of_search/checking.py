"""The tests that a model's functions must pass, each failure in words that it can mend them by.

Each function by itself first: goals; successors that are sound (nothing changed, no impossible
step), complete and no more than that (which AutoToS, arXiv 2408.11326, never checks). Then both in
a whole search of an instance that has a plan and of one that has none. Everything of the model's
runs in the sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lean_agent_planners.domain import Domain, GoalTest, InvalidPlanError, SuccessorTest
from lean_agent_planners.search import Limits, search, tried

__all__ = ["Complaint", "Judged", "first_complaint", "joined", "judged", "together"]

_LIMITS = Limits(expansions=200_000, seconds=10.0)
_SHOWN = 3
_SHOWN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Complaint:
    """``function`` is the one to mend ("successors": any but is_goal), ``text`` says why."""

    function: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """How near a function is to passing its own tests: ``score`` 1 where it does, and then only
    there is no complaint."""

    score: float
    complaint: Complaint | None


async def judged(text: str, domain: Domain, function: str) -> Judged:
    """What one function makes of its own tests."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Judged(0.0, Complaint(function, f"the code does not parse: {error}."))
    tests = domain.tests_of(function)
    role = "is_goal" if function == "is_goal" else "successors"
    results = await tried(
        _alone(text, function), [(role, test.state, test.static) for test in tests]
    )
    score = 0.0
    first = ""
    for test, result in zip(tests, results, strict=False):
        if problem := result.get("problem"):
            part, wrong = 0.0, f"{_call(function, test)} fails: {problem}"
        elif isinstance(test, GoalTest):
            part, wrong = _goal(test, result["value"])
        else:
            part, wrong = _successors(domain, function, test, result["value"])
        score += part
        first = first or wrong
    if not first:
        return Judged(1.0, None)
    return Judged(score / len(tests), Complaint(function, first))


async def together(code: str, domain: Domain) -> Complaint | None:
    """What is wrong with a planner whose parts have each passed; None: nothing."""
    if domain.actions:
        result = await judged(code, domain, "successors")
        if result.complaint is not None:
            return result.complaint
    return await _solves(code, domain) or await _gives_up(code, domain)


async def first_complaint(code: str, domain: Domain) -> Complaint | None:
    """The first test that a whole planner fails; None: it passes them all."""
    for function in ("is_goal", "successors"):
        result = await judged(code, domain, function)
        if result.complaint is not None:
            return result.complaint
    return await together(code, domain)


def joined(texts: Mapping[str, str], domain: Domain) -> str:
    """A planner of its parts: where there are kinds of step, successors is all that they give."""
    code = "\n\n\n".join(texts[part] for part in domain.parts) + "\n"
    if not domain.actions:
        return code
    calls = " + ".join(
        f"{kind.name}({'*given' if kind.takes_static else 'given[0]'})" for kind in domain.actions
    )
    return f"{code}\n\ndef successors(*given):\n    return {calls}\n"


def _alone(text: str, function: str) -> str:
    """A planner in which only this function is real; a text that defines both is taken as it is."""
    if function == "is_goal":
        return f"def successors(*_given):\n    return []\n\n\n{text}"
    planner = f"def is_goal(*_given):\n    return False\n\n\n{text}"
    if function == "successors":
        return planner
    return f"{planner}\n\n\ndef successors(*given):\n    return {function}(*given)\n"


def _goal(test: GoalTest, given: Any) -> tuple[float, str]:
    if given is test.expected:
        return 1.0, ""
    return 0.0, f"{_call('is_goal', test)} gives {given}, but it must give {test.expected}."


def _successors(
    domain: Domain, function: str, test: SuccessorTest, given: Sequence[Any]
) -> tuple[float, str]:
    """The share of states that are right, of those that are given or must come; what is wrong."""
    found: dict[str, Any] = {}
    impossible: list[str] = []
    for state in given:
        try:
            problem = domain.step_problem(test.state, state)
            key = domain.canonical(state)
        except Exception as error:  # noqa: BLE001 - the state may be anything
            problem = f"it does not have the form of a state ({type(error).__name__})"
            key = ""
        if problem:
            impossible.append(f"{_shown(state)} cannot follow: {problem}.")
        else:
            found[key] = state
    wanted = {domain.canonical(state): state for state in test.successors}
    missing = [state for key, state in wanted.items() if key not in found]
    extra = [state for key, state in found.items() if key not in wanted]
    right = len(wanted) - len(missing)
    part = (right + 1) / (len(wanted) + len(extra) + len(impossible) + 1)
    said: list[str] = []
    if missing:
        said.append(f"it lacks {_some(missing)}")
    if extra:
        said.append(f"it must not have {_some(extra)}")
    wrong = impossible[:1]
    if said and not wrong:
        wrong.append(f"{'; '.join(said)}.")
    if not wrong:
        return 1.0, ""
    return part, (
        f"{_call(function, test)} is wrong: {wrong[0]} It gives {_shown(list(given))}. "
        f"All {len(wanted)} that must come: {_shown(list(test.successors))}"
    )


async def _solves(code: str, domain: Domain) -> Complaint | None:
    found = await search(code, domain.encode(domain.solved), domain.algorithm, _LIMITS)
    start = f"A search from {_shown(domain.encode(domain.solved).start)}"
    if found.plan is None:
        why = found.problem or {
            "exhausted": "found no way to a goal, though there is one",
        }.get(found.stop, f"ended at its limit of {found.stop}: too many states")
        return Complaint("successors", f"{start} {why}.")
    try:
        domain.validate(domain.solved, found.plan)
    except InvalidPlanError as error:
        return Complaint("successors", f"{start} found a wrong plan: {error.message}.")
    return None


async def _gives_up(code: str, domain: Domain) -> Complaint | None:
    if domain.unsolvable is None:
        return None
    problem = domain.encode(domain.unsolvable)
    found = await search(code, problem, domain.algorithm, _LIMITS)
    if found.stop == "exhausted":
        return None
    if found.plan is not None:
        end = _shown(found.plan.states[-1])
        return Complaint("is_goal", f"is_goal({end}) gives True, but this is no goal.")
    why = found.problem or f"it ended at its limit of {found.stop}: too many states"
    return Complaint("successors", f"A search from {_shown(problem.start)} does not end: {why}.")


def _call(function: str, test: GoalTest | SuccessorTest) -> str:
    static = "" if test.static is None else f", {_shown(test.static)}"
    return f"{function}({_shown(test.state)}{static})"


def _some(states: Sequence[Any]) -> str:
    more = f" and {len(states) - _SHOWN} more" if len(states) > _SHOWN else ""
    return ", ".join(_shown(state) for state in states[:_SHOWN]) + more


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
