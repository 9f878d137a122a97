"""BabyAI episodes as lists of MiniGrid action numbers; what was seen is not recorded.

The reward is MiniGrid's 1 - 0.9 n / max_steps; solved is passed.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.trajectory.importers.importer import JsonLinesImporter
from lean_agent.trajectory.record import Source, Step, Trajectory

__all__ = ["BABYAI_ACTIONS"]

_NAMES: Final = ("left", "right", "forward", "pickup", "drop", "toggle", "done")


class _Episode(BaseModel):
    model_config = ConfigDict(strict=True)
    env: str = Field(min_length=1)
    seed: int
    mission: str
    actions: list[int]
    n_steps: int
    reward: float = Field(ge=0, le=1)
    success: bool


def _convert(data: Any, file: str, line: int) -> Trajectory:
    episode = _Episode.model_validate(data)
    if len(episode.actions) != episode.n_steps:
        raise ValueError(f"n_steps is {episode.n_steps}, but there are {len(episode.actions)}")
    for number, action in enumerate(episode.actions):
        if not 0 <= action < len(_NAMES):
            raise ValueError(f"actions.{number} is {action}, not one of 0 to {len(_NAMES) - 1}")
    return Trajectory(
        id=f"babyai-actions:{episode.env}:{episode.seed}",
        task_id=f"{episode.env}:{episode.seed}",
        question=episode.mission,
        steps=[Step(turn=n, action=_NAMES[a]) for n, a in enumerate(episode.actions)],
        ending="answered" if episode.success else "wrong",
        reward=episode.reward,
        passed=episode.success,
        source=Source(format="babyai-actions", file=file, line=line),
    )


BABYAI_ACTIONS = JsonLinesImporter(
    "babyai-actions",
    "BabyAI episodes, MiniGrid action numbers",
    frozenset({"env", "seed", "mission", "actions", "n_steps", "reward", "success"}),
    _convert,
)
