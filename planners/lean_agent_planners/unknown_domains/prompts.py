"""What a model is told: write a task down as a search problem, or mend what it wrote."""

from __future__ import annotations

import re

__all__ = ["SYSTEM", "code_in", "mend", "write"]

SYSTEM = (
    "You write a task down as a search problem in Python, and do not solve it. Answer with one "
    "code block. Use no classes, no yield and no input. Never change an argument: copy it."
)

# A task that nobody would ask, so that copying it solves nothing.
_EXAMPLE_TASK = "A counter shows 0. One step adds 3 or takes away 2. Make it show 5."
_EXAMPLE = """\
```python
# state: the number that the counter shows
START = 0


def successors(state):
    return [("add 3", state + 3), ("take away 2", state - 2)]


def is_goal(state):
    return state == 5


TESTS = [(5, True), (4, False), (0, False)]
```"""

_WANTED = (
    "Write START, the state at the beginning, of numbers, texts, lists and dicts; "
    "successors(state), the list of all (what is done, state after it); is_goal(state), True or "
    "False; and TESTS, some states each with what is_goal gives, both kinds."
)

_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def write(task: str) -> str:
    """The task, after an example of another one."""
    return f"{_WANTED}\n\nTask: {_EXAMPLE_TASK}\n{_EXAMPLE}\n\nTask: {task.strip()}"


def mend(complaint: str) -> str:
    """What to say of a writing that failed."""
    return f"{complaint}\nWrite all of it again, mended, in one code block."


def code_in(reply: str) -> str:
    """The longest code block of a reply, or all of it where it has none."""
    blocks: list[str] = _BLOCK.findall(reply) or [reply]
    return max(blocks, key=len).strip() + "\n"
