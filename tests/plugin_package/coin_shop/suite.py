"""The suite: how much coins are worth."""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lean_agent import RunResult, Tool
from lean_agent_evals.suite import Episode, Solution
from lean_agent_evals.task import Score, Split, Task

from .tool import coin_value

_COINS = {"dev": 3, "test": 4}  # so that no question is in both


class Coins:
    """Four tasks, or as many as are asked for."""

    @property
    def name(self) -> str:
        return "coins"

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        drawn = random.Random(f"{split} {seed}")
        tasks: dict[str, Task] = {}
        while len(tasks) < (4 if count is None else count):
            coins = [drawn.randint(1, 99) for _ in range(_COINS[split])]
            question = f"How much are coins of {', '.join(map(str, coins))} worth together?"
            tasks[question] = Task(
                id=f"{split}-{seed}-{len(tasks)}",
                question=question,
                answers=(str(sum(coins)),),
                data={"coins": coins},
            )
        return list(tasks.values())

    @contextmanager
    def open(self, task: Task) -> Generator[Episode]:
        yield _Attempt(task)

    def solution(self, task: Task) -> Solution:
        call = ("coin_value", {"coins": list(task.data["coins"])})
        return Solution(calls=(call,), answer=f"They are worth {task.answers[0]}.")

    def best(self, task: Task) -> float:
        return 1.0


class _Attempt:
    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def tools(self) -> Sequence[Tool]:
        return (coin_value,)

    @property
    def roots(self) -> Sequence[Path]:
        return ()

    @property
    def instructions(self) -> str:
        return ""

    def score(self, result: RunResult) -> Score:
        said = re.findall(r"\d+", result.text)
        right = said[-1:] == list(self._task.answers)
        return Score(value=float(right), passed=right, detail=f"said {said[-1:]}")
