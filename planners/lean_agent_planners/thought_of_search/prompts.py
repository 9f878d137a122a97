"""What a model is told: write a function of a domain, or mend it."""

from __future__ import annotations

import re

from lean_agent_planners.domain import Domain, SuccessorTest
from lean_agent_planners.thought_of_search.checking import Function

__all__ = ["SYSTEM", "function_of", "mend", "write"]

SYSTEM = (
    "You write Python. Answer with one code block that holds one function, its imports and helpers "
    "inside it, and nothing else. Use no classes and no yield. Never change an argument: copy it."
)

_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def write(domain: Domain, function: Function) -> str:
    """The task, with examples that are also the tests."""
    second = f", {domain.static}" if domain.static else ""
    if function == "successors":
        task = (
            f"Write successors(state{second}): the list of all states that can follow after one "
            "step, and no others. The order does not matter."
        )
        examples = [_example(test) for test in domain.successor_tests[:2]]
    else:
        task = f"Write is_goal(state{second}): True if the state is a goal, else False."
        examples = [
            f"is_goal({_arguments(test.state, test.static)}) == {test.expected}"
            for test in domain.goal_tests[:3]
        ]
    return f"{domain.description.strip()}\n\n{task}\n\nExamples:\n" + "\n".join(examples)


def mend(function: Function, complaint: str) -> str:
    """What to say of a function that failed a test."""
    return (
        f"{complaint}\nSay in one sentence why, then write the whole function {function} again, "
        "mended, in one code block."
    )


def function_of(reply: str, function: Function) -> str | None:
    """The code in a reply that defines the function, or None."""
    blocks: list[str] = _BLOCK.findall(reply) or [reply]
    defines = re.compile(rf"^def {function}\(", re.MULTILINE)
    return next((block.strip() for block in blocks if defines.search(block)), None)


def _example(test: SuccessorTest) -> str:
    return f"successors({_arguments(test.state, test.static)}) == {list(test.successors)!r}"


def _arguments(state: object, static: object) -> str:
    return repr(state) if static is None else f"{state!r}, {static!r}"
