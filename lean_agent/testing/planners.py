"""What every Planner must keep to, checked from a task that it solves."""

from __future__ import annotations

import time
from typing import Any

from lean_agent.planner import PlannedAnswer, Planner, Recognised
from lean_agent.testing.checking import check

__all__ = ["check_planner"]

_OTHERS = (
    "",
    "What is the capital of Australia?",
    "Summarise the attached report in three sentences.",
    "What is 3 + 8, and why?",
    "\0\ud800",
    "word 7 (: " * 10_000,
)
_SECONDS = 1.0


async def check_planner(planner: Planner, task: str) -> PlannedAnswer:
    """Check a planner. ``task`` is one that it knows, in a person's words, and can solve.

    Raises:
        AssertionError: it says which rule the planner breaks.
    """
    given: Any = planner
    check(
        isinstance(given, Planner),
        "it must have the methods of lean_agent.planner.Planner",
    )
    domains = list(planner.domains)
    check(bool(domains), "a planner has at least one domain")
    check(len(set(domains)) == len(domains), "its domains have different names")
    check(list(planner.domains) == domains, "its domains must not change")
    _check_others(planner)
    found = planner.recognise(task)
    if found is None:
        raise AssertionError(f"it must recognise {task!r}")
    check(found.domain in domains, f"{found.domain!r} is none of its domains")
    check(bool(found.instance), "what it recognises has an instance")
    check(planner.recognise(task, forced=True) is not None, "forced, it must recognise no less")
    answer = await planner.solve(found)
    check(answer.status == "solved", f"it must solve the task, not end with {answer.status!r}")
    check(bool(answer.answer), "who solves has an answer")
    one_line = bool(answer.evidence) and "\n" not in answer.evidence
    check(one_line, "the evidence is one line that says what was done")
    again = await planner.solve(Recognised(domain=found.domain, instance=found.instance))
    check(again.status == answer.status, "solved again, it must end in the same way")
    return answer


def _check_others(planner: Planner) -> None:
    for other in _OTHERS:
        began = time.perf_counter()
        found = planner.recognise(other)
        check(found is None, f"it must leave {other[:60]!r} alone: every task is shown to it")
        seconds = time.perf_counter() - began
        check(
            seconds < _SECONDS,
            f"a text of {len(other):,} characters took {seconds:.1f} s: it must be quick",
        )
