"""What one attempt at one task came to: the row that every figure is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any, Literal, get_args

from lean_agent import Usage
from lean_agent.result import ExitStatus

__all__ = ["Ending", "Outcome"]

Ending = Literal["answered", "wrong", "limit", "refused", "infrastructure"]
"""answered: it passed, whatever ended it. Of those that did not pass, wrong: it ended by itself;
limit: a budget ended it; refused: the model or its provider declined. infrastructure: the network,
the provider or this machine failed, so the attempt says nothing about the arm.
"""

_USAGES = ("usage", "judge")
_TEXTS = ("task_id", "arm", "exit_status")
_COUNTS = ("epoch", "seed", "steps", "tool_calls", "entities_required", "entities_found")
_NUMBERS = ("value", "seconds")
_AMOUNTS = ("steps", "tool_calls", "entities_required", "entities_found")
_TOKENS = [item.name for item in fields(Usage) if item.name.endswith("_tokens")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt.

    ``arm`` names what is compared: a mode, a model, a baseline. ``value`` is the score, 0 to 1.
    ``usage`` holds the attempt's own tokens and money, ``judge`` those of a judge, kept apart.
    ``steps`` are model calls that advance the run. ``flops`` is None where nobody knows the model's
    shape. ``needs_tools`` and the count of required entities are the task's own; ``entities_found``
    are those of them that the attempt obtained.
    """

    task_id: str
    arm: str
    epoch: int = 0
    seed: int = 0
    value: float
    ending: Ending
    exit_status: ExitStatus
    usage: Usage
    judge: Usage = field(default_factory=Usage)
    steps: int
    tool_calls: int
    seconds: float
    flops: float | None = None
    needs_tools: bool | None = None
    entities_required: int = 0
    entities_found: int = 0

    @property
    def passed(self) -> bool:
        """Whether the score reached the suite's own bar."""
        return self.ending == "answered"

    @property
    def counts(self) -> bool:
        """Whether the attempt says something about the arm."""
        return self.ending != "infrastructure"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types. ``passed`` stands in it for those who read the file."""
        data: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in _USAGES:
            data[name] = data[name].to_dict()
        return data | {"passed": self.passed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """What ``to_dict`` gave. Names that it does not know are left out.

        Raises:
            KeyError, TypeError, ValueError, ArithmeticError: it is no such thing.
        """
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        for name in _USAGES:
            known[name] = Usage.from_dict(known[name])
        found = cls(**known)
        for names, kind in ((_TEXTS, str), (_COUNTS, int), (_NUMBERS, int | float)):
            for name in names:
                if not isinstance(getattr(found, name), kind):
                    raise TypeError(f"{name} is {getattr(found, name)!r}")
        if not (0 <= found.value <= 1 and isfinite(found.seconds)):
            raise ValueError(f"value is {found.value}, seconds are {found.seconds}")
        for name in _USAGES:
            _check(name, known[name])
        if min(getattr(found, name) for name in _AMOUNTS) < 0:
            raise ValueError(f"one of {', '.join(_AMOUNTS)} is below 0")
        flops = known.get("flops")
        if not (flops is None or isinstance(flops, int | float)):
            raise TypeError(f"flops is {flops!r}")
        if found.ending not in get_args(Ending):
            raise ValueError(f"ending is {found.ending!r}")
        return found


def _check(name: str, usage: Usage) -> None:
    counts: list[object] = [getattr(usage, count) for count in _TOKENS]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError(f"{name} is {usage.to_dict()}")
    if usage.cost is not None and not (usage.cost.is_finite() and usage.cost >= 0):
        raise ValueError(f"{name} is {usage.to_dict()}")
