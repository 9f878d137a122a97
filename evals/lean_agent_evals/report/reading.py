"""The folder that a run of a suite leaves, as the report reads it.

config.json        one object: the run's full configuration. Read from it, where they are there:
                   ``suite``, ``split``, ``seed``, ``model``; ``arms``, the order to show them in;
                   ``unit`` (usd or token_units); ``quality_floor``, a share of 1;
                   ``failure_cost``, in the unit. All of it is shown.
outcomes.jsonl     ``Outcome.to_dict()``, one a line.
trajectories.jsonl one sample a line: task_id, arm, epoch; question, answers (a list), output,
                   messages (OpenAI's wire form), trajectory (``TrajectoryStep.to_dict()``), detail
                   (why the score), error. Every name but the first two may be missing.

Only outcomes.jsonl must be there. A last line that was cut short, as by a killed run, is left out.
Of two lines about one sample the later one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lean_agent import ConfigurationError
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.json_lines import read_lines
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import read_outcomes

__all__ = ["Results", "in_order", "read_results", "sample_key"]


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
    outcomes = read_outcomes(folder)
    if not outcomes:
        raise ConfigurationError(
            f"{folder} holds no outcomes", hint="name the folder that an evaluation wrote"
        )
    lines = read_lines(folder / "trajectories.jsonl")
    trajectories = {sample_key(line): line for line in lines}
    return Results(
        _config(folder / "config.json"), in_order(outcomes.values()), [*trajectories.values()]
    )


def in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """By task, arm and epoch: attempts end in another order each time."""
    return sorted(outcomes, key=lambda o: (o.task_id, o.arm, o.epoch))


def sample_key(trajectory: Mapping[str, Any]) -> SampleKey:
    """Which sample a trajectory is of."""
    task, arm, epoch = (trajectory.get(name) for name in ("task_id", "arm", "epoch"))
    return SampleKey(str(arm), epoch if isinstance(epoch, int) else 0, str(task))


def _config(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} is not a JSON object")
    return cast("dict[str, Any]", value)
