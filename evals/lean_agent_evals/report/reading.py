"""The folder that a run of a suite leaves, as the report reads it.

config.json        one object: the run's full configuration. Read from it, where they are there:
                   ``suite``, ``split``, ``seed``, ``model``; ``arms``, the order to show them in;
                   ``unit`` (usd or token_units); ``quality_floor``, a share of 1;
                   ``failure_cost``, in the unit. All of it is shown.
outcomes.jsonl     ``Outcome.to_dict()``, one a line.
trajectories.jsonl one sample a line: task_id, arm, epoch; question, answers (a list), output,
                   messages (OpenAI's wire form), trajectory (``TrajectoryStep.to_dict()``), usage.
                   The file, a line and every name but the first two may be missing.

A last line that was cut short, as by a killed run, is left out. Of two lines about one sample the
later one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lean_agent import ConfigurationError
from lean_agent_evals.outcome import Outcome

__all__ = [
    "CONFIG",
    "OUTCOMES",
    "TRAJECTORIES",
    "Key",
    "Results",
    "in_order",
    "read_results",
    "sample_key",
]

CONFIG, OUTCOMES, TRAJECTORIES = "config.json", "outcomes.jsonl", "trajectories.jsonl"

Key = tuple[str, str, int]
"""Task, arm and epoch: what names a sample."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a run of a suite left, the outcomes in order."""

    config: Mapping[str, Any]
    outcomes: Sequence[Outcome]
    trajectories: Sequence[Mapping[str, Any]]


def read_results(folder: Path) -> Results:
    """Everything in a results folder.

    Raises:
        ConfigurationError: there are no outcomes, or a file cannot be read; the message says which
            and where.
    """
    outcomes: dict[Key, Outcome] = {}
    for number, line in _lines(folder / OUTCOMES):
        try:
            outcome = Outcome.from_dict(line)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            where = f"{folder / OUTCOMES}, line {number}"
            raise ConfigurationError(f"{where} is not an outcome: {error!r}") from error
        outcomes[outcome.task_id, outcome.arm, outcome.epoch] = outcome
    if not outcomes:
        raise ConfigurationError(
            f"{folder} holds no outcomes", hint="name the folder that an evaluation wrote"
        )
    trajectories: dict[Key, Mapping[str, Any]] = {}
    if (folder / TRAJECTORIES).exists():
        trajectories = {sample_key(line): line for _, line in _lines(folder / TRAJECTORIES)}
    return Results(_config(folder / CONFIG), in_order(outcomes.values()), [*trajectories.values()])


def in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """By task, arm and epoch: attempts end in another order each time."""
    return sorted(outcomes, key=lambda o: (o.task_id, o.arm, o.epoch))


def sample_key(trajectory: Mapping[str, Any]) -> Key:
    """Which sample a trajectory is of."""
    task, arm, epoch = (trajectory.get(name) for name in ("task_id", "arm", "epoch"))
    return str(task), str(arm), epoch if isinstance(epoch, int) else 0


def _config(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    return _object(_read(path), str(path))


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Only a newline ends a line: JSON may hold the other separators that splitlines() knows.
    *lines, cut = _read(path).split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line, f"{path}, line {number}")
    if cut.strip():
        try:
            yield len(lines) + 1, _object(cut, str(path))
        except ConfigurationError:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _object(text: str, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{where} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} is not a JSON object")
    return cast("dict[str, Any]", value)
