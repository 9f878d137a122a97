"""Trajectories as solved examples, for a model to read before its task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from lean_agent.trajectory.estimating import text_tokens
from lean_agent.trajectory.record import Step, Trajectory

__all__ = ["HEADING_TOKENS", "exemplar", "told"]

_HEADING: Final = (
    "Solved examples, to show the way. Their facts may not hold for the question below."
)
HEADING_TOKENS: Final = text_tokens(_HEADING)
_MOST_CHARS: Final = 300
"""Of an observation or a thought: the way is to be shown, not what was found."""


def exemplar(found: Trajectory) -> str:
    """One example: the question, what was done, what came of it, the answer.

    Calls and results look as they do in a run whose actions are written as JSON.
    """
    lines = [f"Question: {found.question}"]
    for step in found.steps:
        lines += _lines(step)
    return "\n".join(lines)


def told(examples: Iterable[str]) -> str:
    """The examples under a heading; "" if there is none."""
    found = list(examples)
    return "\n\n".join([_HEADING, *found]) if found else ""


def _lines(step: Step) -> list[str]:
    lines = [f"Thought: {_clipped(step.thought)}"] if step.thought else []
    if step.kind == "answer":
        lines.append(f"Answer: {step.arguments.get('argument', '')}")
    elif step.kind == "act":
        call = {"tool": step.action, "arguments": step.arguments}
        lines.append(json.dumps(call, ensure_ascii=False, separators=(",", ":")))
        lines.append(f"Result of {step.action}:\n{_clipped(step.observation)}")
    return lines


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."
