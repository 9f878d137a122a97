"""What of a file becomes an example, and what is left out and why.

chat: what passed, as conversations. dpo: of each task the best desirable trajectory, against each
that was judged and is not desirable. kto: desirable and undesirable by DEPO's split, the rest left
out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory import depo
from lean_agent.trajectory.exporting.conversation import Tools, completion, prompt, unfit
from lean_agent.trajectory.exporting.rules import broken_chat, broken_dpo, broken_kto
from lean_agent.trajectory.files import read_placed, read_trajectories
from lean_agent.trajectory.filtering import Filter
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.scrubbing import Scrubber
from lean_agent.trajectory.stats import TrajectoryStats

__all__ = ["ExportFormat", "Exported", "export_file"]

ExportFormat = Literal["chat", "dpo", "kto"]
Place = tuple[int, int]
Example = dict[str, Any]

_RULES: Mapping[ExportFormat, Callable[[Mapping[str, Any]], str | None]] = {
    "chat": broken_chat,
    "dpo": broken_dpo,
    "kto": broken_kto,
}


@dataclass(slots=True)
class Exported:
    """What became of a file. ``left_out`` says why, and of how many trajectories or pairs; ``used``
    are the figures of the trajectories that examples were made of; ``scrubbed`` counts the texts in
    which something was replaced.
    """

    format: ExportFormat
    trajectories: int = 0
    examples: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])
    used: TrajectoryStats = field(default_factory=TrajectoryStats)
    scrubbed: int = 0


@dataclass(slots=True)
class _Rivals:
    """The trajectories of a task: the best desirable one, and those that are not desirable."""

    best: tuple[float, str, Place] | None = None
    worse: list[Place] = field(default_factory=list[Place])


def export_file(
    source: Path, target: Path, format_: ExportFormat, *, good: float = depo.GOOD
) -> Exported:
    """Write the examples, one a line; ``good`` is the reward that is desirable.

    Raises:
        ConfigurationError: a file cannot be read or written, or a line is no trajectory.
    """
    told = Exported(format_)
    scrubber = Scrubber()
    part = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb") as lines, part.open("w", encoding="utf-8", newline="\n") as file:
            make = _pairs if format_ == "dpo" else _singles
            for example in make(source, lines, told, scrubber, good):
                broken = _RULES[format_](example)
                if broken is not None:
                    told.left_out[broken] += 1
                    continue
                file.write(f"{json.dumps(example, ensure_ascii=False)}\n")
                told.examples += 1
        part.replace(target)
    except OSError as error:
        where = source if error.filename == str(source) else target
        raise ConfigurationError(f"{where}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    told.scrubbed = scrubber.changed
    return told


def _group(found: Trajectory, good: float) -> depo.Group | None:
    return None if found.reward is None else depo.group(found.reward, found.turns, good=good)


def _singles(
    source: Path, lines: BinaryIO, told: Exported, scrubber: Scrubber, good: float
) -> Iterator[Example]:
    del lines
    tools = Tools()
    for found in read_trajectories(source):
        tools.add(found)
    for found in read_trajectories(source):
        told.trajectories += 1
        group = _group(found, good)
        why = unfit(found)
        if why is None and told.format == "chat" and not found.passed:
            why = "not judged" if found.passed is None else "not passed"
        if why is None and told.format == "kto" and group is None:
            why = "neither desirable nor undesirable"
        if why is not None:
            told.left_out[why] += 1
            continue
        told.used.add(found, good=good)
        clean = scrubber.trajectory(found)
        if told.format == "chat":
            yield _with_tools(
                {"messages": prompt(clean) + completion(clean, arguments_as_text=True)},
                scrubber.value(tools.definitions(found)),
            )
        else:
            yield _with_tools(
                {
                    "prompt": prompt(clean),
                    "completion": completion(clean, arguments_as_text=False),
                    "label": group == "desirable",
                },
                scrubber.value(tools.definitions(found)),
            )


def _pairs(
    source: Path, lines: BinaryIO, told: Exported, scrubber: Scrubber, good: float
) -> Iterator[Example]:
    tools = Tools()
    ranking = Filter(good=good)
    tasks: dict[tuple[str, str, str], _Rivals] = {}
    for start, length, found in read_placed(source):
        told.trajectories += 1
        tools.add(found)
        why = unfit(found) or ("not judged" if found.reward is None else None)
        if why is not None:
            told.left_out[why] += 1
            continue
        rivals = tasks.setdefault((found.task_id, found.question, found.instructions), _Rivals())
        if _group(found, good) != "desirable":
            rivals.worse.append((start, length))
            continue
        mine = (-ranking.rank(found), found.id, (start, length))
        told.left_out["desirable, but not the best of its task"] += rivals.best is not None
        rivals.best = mine if rivals.best is None else min(mine, rivals.best)
    for rivals in tasks.values():
        if rivals.best is None or not rivals.worse:
            alone = len(rivals.worse) + (rivals.best is not None)
            told.left_out["without a rival at the same task"] += alone
            continue
        best = _at(lines, rivals.best[2])
        told.used.add(best, good=good)
        chosen = scrubber.trajectory(best)
        for place in rivals.worse:
            worse = _at(lines, place)
            told.used.add(worse, good=good)
            rejected = scrubber.trajectory(worse)
            defined = {
                tool["function"]["name"]: tool
                for each in (best, worse)
                for tool in tools.definitions(each)
            }
            yield _with_tools(
                {
                    "prompt": prompt(chosen),
                    "chosen": completion(chosen, arguments_as_text=False),
                    "rejected": completion(rejected, arguments_as_text=False),
                },
                scrubber.value([defined[name] for name in sorted(defined)]),
            )


def _at(lines: BinaryIO, place: Place) -> Trajectory:
    lines.seek(place[0])
    return Trajectory.model_validate_json(lines.read(place[1]))


def _with_tools(example: Example, tools: list[dict[str, Any]]) -> Example:
    return example | {"tools": tools} if tools else example
