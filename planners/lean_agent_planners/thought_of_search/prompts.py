"""What a model is told: write a function of a domain, or mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lean_agent.messages import Message
from lean_agent_planners.domain import Domain, GoalTest, SuccessorTest

__all__ = ["complete", "function_of", "mend", "write"]

_SYSTEM = (
    "You write Python. Answer with one code block that holds one short function, its imports and "
    "helpers inside it, and nothing else. Use no classes and no yield. Never change an argument: "
    "copy it."
)

# A made-up domain: it shows the form, a whole new state for each step and no argument changed.
_WORDS = (
    "A state is a list of words, in any order.\n\n"
    "A step takes one word away, from any place, and puts it in again in capitals.\n\n"
    "Write capitals(state), the list of all states that can follow after one such step.\n\n"
    'Examples:\ncapitals(["a", "b", "c"]) == [["b", "c", "A"], ["a", "c", "B"], ["a", "b", "C"]]'
)
_WORDS_CODE = """\
def capitals(state):
    found = []
    for i in range(len(state)):
        rest = state[:i] + state[i + 1:]
        found.append(rest + [state[i].upper()])
    return found"""
# The same for states that are dicts.
_BOXES = (
    'A state is a dict: "open": list of open boxes; "closed": list of closed boxes; "moves": a '
    "number. The order of lists means nothing.\n\n"
    'A step closes one of the open boxes. "moves" grows by one.\n\n'
    "Write close(state), the list of all states that can follow after one such step.\n\n"
    'Examples:\nclose({"open": ["a", "b"], "closed": ["c"], "moves": 4}) == '
    '[{"open": ["b"], "closed": ["c", "a"], "moves": 5}, '
    '{"open": ["a"], "closed": ["c", "b"], "moves": 5}]'
)
_BOXES_CODE = """\
def close(state):
    import copy
    found = []
    for box in state["open"]:
        after = copy.deepcopy(state)
        after["open"].remove(box)
        after["closed"].append(box)
        after["moves"] = state["moves"] + 1
        found.append(after)
    return found"""
_WORDS_GOAL = (
    'A state is a list of words, in any order. It is a goal if "END" is among them and "NO" is '
    "not.\n\nWrite is_goal(state), True if the state is a goal, else False.\n\n"
    'Examples:\nis_goal(["a", "END"]) == True'
)
_WORDS_GOAL_CODE = """\
def is_goal(state):
    return "END" in state and "NO" not in state"""

_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_EXAMPLE_CHARS = 900


def write(domain: Domain, function: str, passed: Mapping[str, str]) -> list[Message]:
    """The task, with examples that are also tests, after an example of another domain; or after
    another kind of step of this one, of those ``passed`` (name -> code) that the model has written.
    """
    siblings = [kind.name for kind in domain.actions if kind.name in passed]
    if function == "is_goal":
        asked, code = _WORDS_GOAL, _WORDS_GOAL_CODE
    elif siblings:
        asked, code = _task(domain, siblings[-1]), passed[siblings[-1]]
    elif isinstance(domain.successor_tests[0].state, dict):
        asked, code = _BOXES, _BOXES_CODE
    else:
        asked, code = _WORDS, _WORDS_CODE
    return [
        Message("system", _SYSTEM),
        Message("user", asked),
        Message("assistant", _block(code)),
        Message("user", _task(domain, function)),
    ]


def mend(task: list[Message], text: str, complaint: str) -> list[Message]:
    """The task, an answer that failed a test, and how it failed."""
    return [
        *task,
        Message("assistant", _block(text)),
        Message("user", f"{complaint}\nWrite the whole function again, mended, in one code block."),
    ]


def complete(reply: str) -> bool:
    """The reply holds a whole code block: what follows it is not needed."""
    return reply.count("```") >= 2


def function_of(reply: str, function: str) -> str | None:
    """The code in a reply that defines the function, or None."""
    blocks: list[str] = _BLOCK.findall(reply) or [reply]
    defines = re.compile(rf"^def {function}\(", re.MULTILINE)
    return next((block.strip() for block in blocks if defines.search(block)), None)


def _block(code: str) -> str:
    return f"```python\n{code}\n```"


def _task(domain: Domain, function: str) -> str:
    second = f", {domain.static}" if domain.static else ""
    about = [domain.description.strip()]
    if function == "is_goal":
        about = [(domain.goal or domain.description).strip()]
        task = f"Write is_goal(state{second}), True if the state is a goal, else False."
    else:
        step = "step"
        kind = next((kind for kind in domain.actions if kind.name == function), None)
        if kind is not None:
            about.append(kind.description)
            step = "such step"
            second = second if kind.takes_static else ""
        task = (
            f"Write {function}(state{second}), the list of all states that can follow after one "
            f"{step}, and no others."
        )
    examples = [_example(function, test) for test in domain.tests_of(function)]
    return "\n\n".join([*about, task, "Examples:\n" + "\n".join(_first(examples))])


def _first(examples: list[str]) -> list[str]:
    """As many as the prompt has room for, and one at least."""
    room = _EXAMPLE_CHARS
    chosen: list[str] = []
    for example in examples:
        room -= len(example)
        if room < 0 and chosen:
            break
        chosen.append(example)
    return chosen


def _example(function: str, test: GoalTest | SuccessorTest) -> str:
    static = "" if test.static is None else f", {test.static!r}"
    given = test.expected if isinstance(test, GoalTest) else list(test.successors)
    return f"{function}({test.state!r}{static}) == {given!r}"
