"""What a run spent for nothing: each finding with the tokens and the cost of it.

A step is counted under one heading only, the first that fits. All are told too seldom rather than
too often: what merely looks useless to a person is not among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, get_args

from lean_agent.trajectory.estimating import text_tokens
from lean_agent.trajectory.record import Step, Trajectory, Usage
from lean_agent.trajectory.wording import words

__all__ = ["KINDS", "Waste", "WasteKind", "find_waste"]

WasteKind = Literal["after_answer", "repeated_call", "dead_end", "unused_context"]
"""after_answer: turns after the one in which the correct answer first stood. repeated_call: an
action that was taken before with the same arguments, and gave the same. dead_end: an action that
came to an error. unused_context: what an action gave that the model never took up again; its cost
is that of reading it in each later turn.
"""

KINDS: Final[tuple[WasteKind, ...]] = get_args(WasteKind)

_MIN_LETTERS: Final = 4
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class Waste:
    """One finding: the step, by its index, and what it took. Unknown tokens and cost are None.

    The cost of unused context is an upper bound: its share of a turn's tokens at that turn's mean
    price, though tokens that are read are cheaper than those that are written.
    """

    kind: WasteKind
    step: int
    tokens: int | None
    cost: Decimal | None


def find_waste(trajectory: Trajectory, answered: int | None) -> Iterator[Waste]:
    """Every finding, in the order of the steps.

    ``answered`` is the turn in which the correct answer first stood (``first_correct``), if any.
    """
    steps = trajectory.steps
    used = _Used(trajectory)
    seen: set[tuple[str, str, str]] = set()
    for index, step in enumerate(steps):
        call = (step.action, _encode(step.arguments), step.observation)
        repeated = step.kind == "act" and bool(step.observation) and call in seen
        seen.add(call)
        if answered is not None and step.turn > answered:
            yield _of_step("after_answer", index, step)
        elif repeated:
            yield _of_step("repeated_call", index, step)
        elif step.is_error:
            yield _of_step("dead_end", index, step)
        elif step.kind == "act" and step.observation and not used.later(index):
            found = _reading(index, steps)
            if found is not None:
                yield found


def _of_step(kind: WasteKind, index: int, step: Step) -> Waste:
    return Waste(kind, index, step.usage.tokens, step.usage.cost)


def _reading(index: int, steps: Sequence[Step]) -> Waste | None:
    """What it took to read the observation in each later turn; None where there is no later one."""
    size = text_tokens(steps[index].observation)
    later: dict[int, Usage] = {}
    for step in steps[index + 1 :]:
        if step.turn > steps[index].turn:
            later.setdefault(step.turn, step.usage)
    if not later:
        return None
    tokens = 0
    cost: Decimal | None = Decimal(0)
    for usage in later.values():
        read = size if usage.input_tokens is None else min(size, usage.input_tokens)
        tokens += read
        if cost is None or usage.cost is None or not usage.tokens:
            cost = None
        else:
            cost += usage.cost * read / usage.tokens
    return Waste("unused_context", index, tokens, cost)


class _Used:
    """Which observations told something new that the model took up in a later turn."""

    def __init__(self, trajectory: Trajectory) -> None:
        steps = trajectory.steps
        known = words(f"{trajectory.instructions} {trajectory.question}")
        written: list[set[str]] = []
        self._told: list[set[str]] = []
        for step in steps:
            mine = words(f"{step.thought} {_encode(step.arguments)}")
            known |= mine
            told = words(step.observation) - known
            known |= told
            written.append(mine)
            self._told.append(told)
        # From the end: what is written in the turns after each one.
        after = words(trajectory.output)
        self._after: list[set[str]] = [after] * len(steps)
        following = after
        for index in range(len(steps) - 1, -1, -1):
            if index + 1 < len(steps) and steps[index + 1].turn > steps[index].turn:
                after = following
            self._after[index] = after
            following = following | written[index]

    def later(self, index: int) -> bool:
        return any(_telling(word) for word in self._told[index] & self._after[index])


def _telling(word: str) -> bool:
    """Words of four letters and more, and whatever has a digit."""
    return len(word) >= _MIN_LETTERS or any(map(str.isdigit, word))
