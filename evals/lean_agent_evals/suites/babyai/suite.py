"""The suite babyai."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as numbers
from itertools import cycle, islice

from lean_agent_evals.splits import split_of
from lean_agent_evals.suite import Solution
from lean_agent_evals.suites.babyai.attempt import MissionAttempt
from lean_agent_evals.suites.babyai.levels import LEVELS, Level
from lean_agent_evals.suites.babyai.oracle import oracle
from lean_agent_evals.suites.babyai.world import World
from lean_agent_evals.task import Split, Task

__all__ = ["BabyAI"]

_ROUNDS = 3
_SEEDS = 1_000


class BabyAI:
    """Missions in a world of rooms, by text, scored by success.

    ``level`` is how hard BabyAI's level is, 1 to 4. A task's id names that level and minigrid's
    seed. A seed of minigrid is in one split alone.
    """

    name = "babyai"

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Three of each level by default, in turn. There is no end of them.

        Raises:
            ConfigurationError: minigrid is not installed.
        """
        asked: set[str] = set()
        levels = cycle([_tasks(level, split, seed, asked) for level in LEVELS])
        wanted = _ROUNDS * len(LEVELS) if count is None else count
        return list(islice((next(level) for level in levels), wanted))

    @contextmanager
    def open(self, task: Task) -> Generator[MissionAttempt]:
        """A world of its own for each attempt.

        Raises:
            ConfigurationError: minigrid is not installed.
        """
        yield MissionAttempt(World(task.data["level"], task.data["seed"]))

    def solution(self, task: Task) -> Solution:
        """What BabyAI's own bot does."""
        actions, _ = oracle(task.data["level"], task.data["seed"])
        return Solution(calls=tuple(("act", {"action": each}) for each in actions), answer="done")

    def best(self, task: Task) -> float:
        """Whether that bot reaches the goal."""
        _, world = oracle(task.data["level"], task.data["seed"])
        return float(world.reward > 0)


def _tasks(level: Level, split: Split, seed: int, asked: set[str]) -> Iterator[Task]:
    """Those of a level; what looks the same from the start is asked once."""
    for number in numbers(seed * _SEEDS):
        world = World(level.name, number)
        question = f"Goal: {world.mission}\n{world.observation()}"
        if split_of(question) == split and question not in asked:
            asked.add(question)
            yield Task(
                id=f"{split}-{level.name}-{number}",
                question=question,
                level=level.hardness,
                kind=level.kind,
                needs_tools=True,
                data={"level": level.name, "seed": number},
            )
