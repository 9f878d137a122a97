"""When a run had the correct answer, whether it knew or not."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lean_agent.trajectory.record import Step, Trajectory
from lean_agent.trajectory.wording import word_list

__all__ = ["first_correct", "says"]

_ARTICLES = frozenset({"a", "an", "the"})
_encode = json.JSONEncoder(ensure_ascii=False).encode
_MIN_LETTERS = 4
"""A shorter word ("no", "red") stands in many a thought that does not answer with it."""


def says(text: str, answer: str) -> bool:
    """Whether the words of the answer stand in the text, in order; case and articles apart."""
    wanted = _without_articles(answer)
    if not wanted or wanted[0] not in text.casefold():
        return False
    return f" {' '.join(wanted)} " in f" {' '.join(_without_articles(text))} "


def first_correct(trajectory: Trajectory) -> int | None:
    """The turn, from 0, in which the model first wrote the correct answer; None if it never did.

    An answer that was judged by itself counts by that. Else a thought, an argument or the answer
    must have the words of an accepted answer; one of fewer than four letters counts only where the
    model answers.
    """
    for step in trajectory.steps:
        if step.reward is not None:
            if step.reward >= 1:
                return step.turn
        elif _writes(step, trajectory.answers):
            return step.turn
    return None


def _writes(step: Step, answers: Sequence[str]) -> bool:
    for answer in answers:
        distinct = len(answer) >= _MIN_LETTERS
        if not distinct and step.kind != "answer":
            continue
        arguments = " ".join(
            value if isinstance(value, str) else _encode(value) for value in step.arguments.values()
        )
        if says(arguments, answer) or (distinct and says(step.thought, answer)):
            return True
    return False


def _without_articles(text: str) -> list[str]:
    return [word for word in word_list(text) if word not in _ARTICLES]
