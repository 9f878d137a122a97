"""Finds a game of 24 in a task: a few numbers, and words that ask to make 24 of them."""

from __future__ import annotations

import re

from lean_agent_planners.domain import Excerpt

__all__ = ["find"]

_LIST = re.compile(
    r"(?<![\w.,/*+=-])(?<!24 )\d{1,4}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+)\d{1,4}){2,5}"
    r"(?!\w|[.,]\d|\s*[-+*/=])"
)
# What may follow the numbers or the 24: anything else is a thing that is counted.
_AFTER = re.compile(
    r"\s*(?:[.,;:?!)\]}'\"`]|\Z|\n|(?:to|and|with|exactly|once|each|every|using|use|used|mak\w+|gets?"
    r"|so|can|in|by|into|reach\w*|equals?|is|are|as|that|from|out|through|via|or|if|game|puzzle"
    r"|points?|how|please|now|for me)\b)",
    re.I,
)
_GAME = re.compile(
    r"\bgame (?:of )?(?:24|twenty[- ]?four)\b|\b24[- ]?(?:points? )?(?:game|puzzle)", re.I
)
_TARGET = re.compile(
    r"\b(?:mak(?:e|es|ing)|get|gets|getting|reach|reaches|obtain|form|equals?|equal to|gives?"
    r"|results? in|(?:result|value|total|target) (?:is|of)|evaluates? to|is|to)\s+"
    r"(?:exactly\s+|precisely\s+|the (?:number|value|total|result|target)\s+)?(?P<goal>24)\b"
    r"|=\s*(?P<sign>24)\b",
    re.I,
)
_NUMBERS = re.compile(
    r"\b(?:use|using|uses|with|from|of|combine|combining|numbers?|cards?|given|take)\b", re.I
)


def find(task: str) -> Excerpt | None:
    """The numbers; None unless there is one list of them, 24 is asked for, and no other number."""
    if "24" not in task and "wenty" not in task:
        return None
    lists = list(_LIST.finditer(task))
    if len(lists) != 1 or not _AFTER.match(task, lists[0].end()):
        return None
    numbers = lists[0]
    around = f"{task[: numbers.start()]} {task[numbers.end() :]}"
    if re.search(r"\d", re.sub(r"\b24\b|\b[3-6] numbers\b", "", around)):
        return None
    if not _GAME.search(around):
        goal = _TARGET.search(around)
        if goal is None or not _AFTER.match(around, goal.end()) or not _NUMBERS.search(around):
            return None
    return Excerpt(" ".join(re.findall(r"\d+", numbers[0])), around)
