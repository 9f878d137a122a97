"""Game of 24 by the authors of tree of thoughts: a JSON list with an object a puzzle.

Either so many sampled answers (input-output and chain-of-thought prompting) or a search: levels of
proposed lines, each with the value that the model gave it, of which the best are kept. As in the
authors' own count a puzzle is passed if any of its answers is right; the reward is the share of
answers that are. ``usage_so_far`` is the whole file's up to there, so a puzzle's own usage is the
difference from the one before; after a damaged record it is unknown.

An answer of a sample is a turn; so is a level of a search, though that takes many model calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory.importers.importer import Refused, checked, reading
from lean_agent.trajectory.record import Source, Step, Trajectory, Usage
from lean_agent.usage import EXACT

__all__ = ["TREE_OF_THOUGHTS"]

_SPACE = re.compile(r"[\s,]*")
_BEGINNING = re.compile(r"\{\s*\"(?:idx|steps)\"\s*:")  # in a string the quotes are escaped


class _Level(BaseModel):
    model_config = ConfigDict(strict=True)
    x: str
    ys: list[str]
    new_ys: list[str]
    values: list[float]
    select_new_ys: list[str]


class _Info(BaseModel):
    model_config = ConfigDict(strict=True)
    r: Annotated[int, Field(ge=0, le=1)]


class _SoFar(BaseModel):
    model_config = ConfigDict(strict=True)
    completion_tokens: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    cost: float = Field(ge=0)


_BEGUN = _SoFar(completion_tokens=0, prompt_tokens=0, cost=0.0)


class _Puzzle(BaseModel):
    model_config = ConfigDict(strict=True)
    idx: int
    ys: list[str] = Field(min_length=1)
    infos: list[_Info] | None = None
    accs: list[bool] | None = None
    steps: list[_Level] = []
    usage_so_far: _SoFar


class _TreeOfThoughts:
    name = "tree-of-thoughts"
    about = "Game of 24: sampled answers or a search, a JSON list"

    def recognises(self, head: str) -> bool:
        bare = "".join(head[:65_536].split())
        return bare.startswith(('[{"idx":', '[{"steps":[{"step":')) and '"ys":[' in bare

    def read(self, path: Path) -> Iterator[Trajectory | Refused]:
        with reading(path) as file:
            data: bytes = file.read()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{path} is not UTF-8 text") from error
        before: _SoFar | None = _BEGUN
        for line, found in _objects(text):
            if isinstance(found, str):
                before = None
                yield Refused(line, found)
                continue
            made = checked(partial(_convert, found, before, path.name, line), line)
            before = None if isinstance(made, Refused) else _so_far(found)
            yield made


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Each object of the list with the line that it begins on; of a damaged one, a str says why."""
    decoder = json.JSONDecoder()
    line = 1
    counted = 0
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        yield 1, "it is no JSON list"
        return
    at = _after_space(text, at + 1)
    while at < len(text) and text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            following = _BEGINNING.search(text, at + 1)
            yield line, f"it is not JSON: {' '.join(str(error).split())}"
            if following is None:
                return
            at = following.start()
        else:
            yield line, found if isinstance(found, dict) else "it is no JSON object"
        at = _after_space(text, at)
    if at == len(text):
        yield text.count("\n") + 1, "the list is cut off: there is no closing bracket"


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _so_far(data: Any) -> _SoFar:
    return _SoFar.model_validate(data["usage_so_far"])


def _convert(data: Any, before: _SoFar | None, file: str, line: int) -> Trajectory:
    puzzle = _Puzzle.model_validate(data)
    right = puzzle.accs if puzzle.accs is not None else [i.r == 1 for i in puzzle.infos or ()]
    if len(right) != len(puzzle.ys):
        raise ValueError(f"there are {len(puzzle.ys)} answers, but {len(right)} verdicts")
    levels = [_level(turn, level) for turn, level in enumerate(puzzle.steps)]
    answers = [
        Step(
            turn=len(levels) if levels else number,
            kind="answer",
            action="answer",
            arguments={"argument": text},
            reward=float(is_right),
        )
        for number, (text, is_right) in enumerate(zip(puzzle.ys, right, strict=True))
    ]
    stem = Path(file).stem
    return Trajectory(
        id=f"tree-of-thoughts:{stem}:{puzzle.idx}",
        task_id=str(puzzle.idx),
        question=puzzle.steps[0].x if puzzle.steps else "",
        steps=levels + answers,
        output=puzzle.ys[0],
        ending="answered" if any(right) else "wrong",
        reward=sum(right) / len(right),
        passed=any(right),
        usage=_usage(before, puzzle.usage_so_far),
        source=Source(format="tree-of-thoughts", file=file, line=line, arm=stem),
    )


def _level(turn: int, level: _Level) -> Step:
    if len(level.values) != len(level.new_ys):
        raise ValueError(f"steps.{turn}: {len(level.new_ys)} lines, but {len(level.values)} values")
    seen = {"proposed": level.new_ys, "values": level.values, "kept": level.select_new_ys}
    return Step(
        turn=turn,
        action="expand",
        arguments={"lines": level.ys},
        observation=json.dumps(seen, ensure_ascii=False),
    )


def _usage(before: _SoFar | None, now: _SoFar) -> Usage:
    if before is None:
        return Usage()
    if now.completion_tokens < before.completion_tokens:  # a process that began anew counts from 0
        before = _BEGUN
    cost = EXACT.subtract(Decimal(repr(now.cost)), Decimal(repr(before.cost)))
    read = now.prompt_tokens - before.prompt_tokens
    written = now.completion_tokens - before.completion_tokens
    if read < 0 or cost < 0:
        raise ValueError("usage_so_far: part of it is less than in the record before")
    return Usage(input_tokens=read, output_tokens=written, cost=round(cost, 9))


TREE_OF_THOUGHTS = _TreeOfThoughts()
