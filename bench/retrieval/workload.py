"""What the simulated agents do: how much they read and write between searches."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Question", "Step", "Workload", "published", "recorded"]


@dataclass(frozen=True, slots=True)
class Step:
    """Tokens written before a search, and tokens that it finds. The last step finds none."""

    written: int
    found: int


@dataclass(frozen=True, slots=True)
class Question:
    prompt: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """``system`` tokens begin every prompt."""

    name: str
    system: int
    questions: Sequence[Question]


def published(count: int, seed: int) -> Workload:
    """Questions as SearchAgent-X reports them for a 7B model: 2.7 searches each on average, five
    passages a search (its dump's are of about 100 words: 130 tokens), at most 512 tokens written.
    How much is written between two searches it does not say; 100 tokens are assumed.
    """
    chance = random.Random(seed)
    questions: list[Question] = []
    for _ in range(count):
        searches = 1 + sum(chance.random() < 1.717 / 4 for _ in range(4))
        steps = [Step(100, 650)] * searches + [Step(60, 0)]
        questions.append(Question(30, tuple(steps)))
    return Workload("published (7B, 2.7 searches a question)", 150, questions)


def recorded(path: Path) -> Workload:
    """The questions of a cell that `real` has measured, as its runs went."""
    record: dict[str, Any] = json.loads(path.read_text())
    runs = [run["calls"] for run in record["questions"] if run["calls"]]
    # What every prompt begins with: as much as the engine knew of one before its run had begun.
    system = max(calls[0]["cached"] for calls in runs)
    questions: list[Question] = []
    for calls in runs:
        steps = [
            Step(a["output"] or 1, max(1, b["input"] - a["input"] - a["output"]))
            for a, b in itertools.pairwise(calls)
        ]
        steps.append(Step(calls[-1]["output"] or 1, 0))
        questions.append(Question(max(1, calls[0]["input"] - system), tuple(steps)))
    return Workload(f"recorded in {path.name}", system, questions)
