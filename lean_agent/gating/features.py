"""A task as numbers that cost nothing, for the learned gate. Spec: gating."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from lean_agent.gate import Signals
from lean_agent.gating.tool_kinds import kinds
from lean_agent.gating.words import asks, names, quantities

__all__ = ["BIAS", "features", "foretold"]

BIAS: Final = "(bias)"

_WORD = re.compile(r"\S+")
_NUMBER = re.compile(r"\d+")


def features(signals: Signals) -> Mapping[str, float]:
    """By name; what a task has not is left out. Numbers are about as large as the ones are."""
    task = signals.task
    words = len(_WORD.findall(task))
    found = {
        f"tools: {kinds(signals.tools, has_files=signals.has_files)}": 1.0,
        f"asks: {asks(task)}": 1.0,
        f"names held: {signals.names_held}": 1.0,
        "words": math.log1p(words) / 3,
        "numbers": min(len(_NUMBER.findall(task)), 10) / 5,
        "names": min(len(names(task)), 10) / 5,
        "lines": math.log1p(task.count("\n")),
        "quantities": float(quantities(task)),
    }
    return {name: value for name, value in found.items() if value}


def foretold(weights: Mapping[str, float], found: Mapping[str, float]) -> float:
    """The pass rate that a way's weights foretell for a task's features."""
    logit = weights[BIAS] + sum(weights.get(name, 0.0) * value for name, value in found.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
