"""Tokens of logs that count none, guessed from the length of the text."""

from __future__ import annotations

import json
from typing import Final

from lean_agent.trajectory.record import Step, Trajectory, Usage

__all__ = ["text_tokens", "with_estimates"]

_BYTES_PER_TOKEN: Final = 4
"""English has 4 to 4.5 bytes of UTF-8 a token, code and JSON about 3."""


def text_tokens(text: str) -> int:
    """About how many tokens a text has: a quarter of its bytes, rounded up."""
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def with_estimates(trajectory: Trajectory) -> Trajectory:
    """The same with tokens for each turn, if none of them has any; marked as estimated.

    A turn writes its thought and its arguments, and reads all texts before it. Where the whole
    attempt's tokens are known, that figure stays, and the turns share what was written.
    """
    if any(step.usage.tokens is not None for step in trajectory.steps):
        return trajectory
    read = text_tokens(trajectory.instructions) + text_tokens(trajectory.question)
    steps: list[Step] = []
    written_in_turn = 0
    seen_in_turn = 0
    for index, step in enumerate(trajectory.steps):
        if index and step.turn > trajectory.steps[index - 1].turn:
            read += written_in_turn + seen_in_turn
            written_in_turn = seen_in_turn = 0
        first = not index or step.turn > trajectory.steps[index - 1].turn
        written = text_tokens(step.thought + _call(step))
        written_in_turn += written
        seen_in_turn += text_tokens(step.observation)
        usage = Usage(
            input_tokens=read if first else 0,
            output_tokens=written,
            seconds=step.usage.seconds,
            estimated=True,
        )
        steps.append(step.model_copy(update={"usage": usage}))
    total = trajectory.usage
    if total.output_tokens is None:
        total = Usage.total(step.usage for step in steps).model_copy(
            update={"cost": total.cost, "seconds": total.seconds}
        )
    else:
        steps = _shared(steps, total.output_tokens)
    return trajectory.model_copy(update={"steps": steps, "usage": total})


def _call(step: Step) -> str:
    if not step.action:
        return ""
    return step.action + json.dumps(step.arguments, ensure_ascii=False)


def _shared(steps: list[Step], written: int) -> list[Step]:
    """The steps with ``written`` tokens shared out by their guesses, to the last token."""
    guessed = sum(step.usage.output_tokens or 0 for step in steps)
    if not guessed:
        return steps
    given = so_far = 0
    found: list[Step] = []
    for step in steps:
        so_far += step.usage.output_tokens or 0
        share = written * so_far // guessed - given
        given += share
        usage = step.usage.model_copy(update={"output_tokens": share})
        found.append(step.model_copy(update={"usage": usage}))
    return found
