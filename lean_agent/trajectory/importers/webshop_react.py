"""WebShop episodes of the ReAct authors: a list of ``name[argument]`` actions and observations.

Their ``think[...]`` actions ask the shop for nothing. The ``reset`` that opens an episode is the
environment's own and no step; the line of running averages that the log puts under the last
observation is left out. Only a reward of 1 passes.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.trajectory.importers.importer import JsonLinesImporter
from lean_agent.trajectory.record import Source, Step, Trajectory

__all__ = ["WEBSHOP_REACT"]

# The recording cuts a line at its stop sign, so a thought may lack the closing bracket.
_ACTION = re.compile(r"(\w+)\[(.*?)\]?", re.DOTALL)
_AVERAGES = re.compile(r"\s*\d+ [\d.]+ [\d.]+ [\d.]+\n-+\Z")


class _Move(BaseModel):
    model_config = ConfigDict(strict=True)
    action: str
    observation: str


class _Episode(BaseModel):
    model_config = ConfigDict(strict=True)
    idx: int
    instruction: str = Field(min_length=1)
    score: float = Field(ge=0, le=1)
    finished: bool
    n_steps: int
    steps: list[_Move] = Field(min_length=1)


def _convert(data: Any, file: str, line: int) -> Trajectory:
    episode = _Episode.model_validate(data)
    opening, *moves = episode.steps
    if opening.action != "reset":
        raise ValueError(f"steps.0.action is {opening.action[:40]!r}, not 'reset'")
    if len(moves) != episode.n_steps:
        raise ValueError(f"n_steps is {episode.n_steps}, but there are {len(moves)}")
    return Trajectory(
        id=f"webshop-react:{episode.idx}",
        task_id=str(episode.idx),
        question=episode.instruction,
        steps=[_step(number, move) for number, move in enumerate(moves)],
        ending="answered" if episode.score == 1 else "wrong" if episode.finished else "limit",
        reward=episode.score,
        passed=episode.score == 1,
        source=Source(format="webshop-react", file=file, line=line),
    )


def _step(number: int, move: _Move) -> Step:
    found = _ACTION.fullmatch(move.action)
    if found is None:
        raise ValueError(f"steps.{number + 1}.action is {move.action[:40]!r}, not name[argument]")
    name, argument = found.groups()
    observation = _AVERAGES.sub("", move.observation)
    if name == "think":
        return Step(turn=number, kind="think", thought=argument, observation=observation)
    return Step(
        turn=number,
        action=name,
        arguments={"argument": argument},
        observation=observation,
        is_error=observation == "Invalid action!",
    )


WEBSHOP_REACT = JsonLinesImporter(
    "webshop-react",
    "WebShop episodes, name[argument] actions",
    frozenset({"idx", "instruction", "score", "finished", "n_steps", "steps"}),
    _convert,
)
