"""The tests that a model's functions must pass, each failure in words that it can mend them by.

In order: goals; successors that are sound (nothing changed, no impossible step), complete and no
more than that (which AutoToS, arXiv 2408.11326, never checks); then a whole search of an instance
that has a plan and of one that has none. Everything of the model's runs in the sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lean_agent_planners.domain import Domain, GoalTest, InvalidPlanError, SuccessorTest
from lean_agent_planners.search import Limits, search, tried

__all__ = ["FUNCTIONS", "Complaint", "Function", "first_complaint"]

Function = Literal["successors", "is_goal"]
FUNCTIONS: tuple[Function, ...] = ("successors", "is_goal")

_LIMITS = Limits(expansions=200_000, seconds=10.0)
_SHOWN = 3
_SHOWN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Complaint:
    """``function`` is the one to mend, ``text`` says why."""

    function: Function
    text: str


async def first_complaint(code: str, domain: Domain) -> Complaint | None:
    """The first test that the planner fails; None: it passes them all."""
    for check in (_goals, _successors, _solves, _gives_up):
        if (complaint := await check(code, domain)) is not None:
            return complaint
    return None


async def _goals(code: str, domain: Domain) -> Complaint | None:
    results = await _results(code, "is_goal", domain.goal_tests)
    for test, result in zip(domain.goal_tests, results, strict=False):
        call = _call("is_goal", test)
        if problem := result.get("problem"):
            return Complaint("is_goal", f"{call} fails: {problem}")
        if result["value"] is not test.expected:
            return Complaint(
                "is_goal", f"{call} gives {result['value']}, but it must give {test.expected}."
            )
    return None


async def _successors(code: str, domain: Domain) -> Complaint | None:
    results = await _results(code, "successors", domain.successor_tests)
    for test, result in zip(domain.successor_tests, results, strict=False):
        call = _call("successors", test)
        if problem := result.get("problem"):
            return Complaint("successors", f"{call} fails: {problem}")
        if wrong := _differences(domain, test, result["value"]):
            return Complaint("successors", f"{call} is wrong: {wrong}")
    return None


def _differences(domain: Domain, test: SuccessorTest, given: Sequence[Any]) -> str:
    """What is wrong with these successors, "" for nothing."""
    found: dict[str, Any] = {}
    for state in given:
        try:
            problem = domain.step_problem(test.state, state)
            found[domain.canonical(state)] = state
        except Exception as error:  # noqa: BLE001 - the state may be anything
            problem = f"it does not have the form of a state ({type(error).__name__})"
        if problem:
            return f"{_shown(state)} cannot follow: {problem}."
    wanted = {domain.canonical(state): state for state in test.successors}
    missing = [state for key, state in wanted.items() if key not in found]
    extra = [state for key, state in found.items() if key not in wanted]
    said: list[str] = []
    if missing:
        said.append(f"it lacks {_some(missing)}")
    if extra:
        said.append(f"it must not have {_some(extra)}")
    if not said:
        return ""
    return f"{'; '.join(said)}. All {len(wanted)} that must come: {_shown(list(wanted.values()))}"


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


async def _results(
    code: str, function: Function, tests: Sequence[GoalTest] | Sequence[SuccessorTest]
) -> Sequence[dict[str, Any]]:
    """What the function gives in each test, up to the first that fails."""
    return await tried(code, [(function, test.state, test.static) for test in tests])


def _call(function: Function, test: GoalTest | SuccessorTest) -> str:
    static = "" if test.static is None else f", {_shown(test.static)}"
    return f"{function}({_shown(test.state)}{static})"


def _some(states: Sequence[Any]) -> str:
    more = f" and {len(states) - _SHOWN} more" if len(states) > _SHOWN else ""
    return ", ".join(_shown(state) for state in states[:_SHOWN]) + more


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
