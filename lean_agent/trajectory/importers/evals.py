"""What ``lean-agent eval`` keeps of an attempt: a line of a results folder's trajectories.jsonl.

A turn's usage is known where the model was called once for each of the assistant's messages; else
only the whole attempt's is.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.messages import Message
from lean_agent.result import TrajectoryStep
from lean_agent.trajectory.importers.importer import JsonLinesImporter, Refused
from lean_agent.trajectory.record import Source, Trajectory, Usage
from lean_agent.trajectory.run_steps import run_steps

__all__ = ["EVALS"]


class _Call(BaseModel):
    model_config = ConfigDict(strict=True)
    step: int = 0
    tool: str
    arguments: dict[str, Any]
    observation: str
    is_error: bool = False
    foreseen: bool = False
    seconds: float = Field(default=0.0, ge=0)


class _Used(BaseModel):
    model_config = ConfigDict(strict=True)
    input_tokens: int
    output_tokens: int
    cost: str | None
    provenance: list[str] = []


class _Attempt(BaseModel):
    model_config = ConfigDict(strict=True)
    arm: str
    epoch: int
    task_id: str
    question: str
    answers: list[str]
    output: str
    ending: str
    score: float = Field(ge=0, le=1)
    passed: bool
    seconds: float
    usage: _Used
    calls: list[_Used] = []
    messages: list[dict[str, Any]]
    trajectory: list[_Call]
    entities_required: int = 0
    entities_found: int = 0


def _convert(data: Any, file: str, line: int) -> Trajectory:
    attempt = _Attempt.model_validate(data)
    judged = attempt.ending != "infrastructure"
    try:
        messages = [Message.from_dict(message) for message in attempt.messages]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"messages: one has no {error}") from error
    done = [TrajectoryStep(**call.model_dump()) for call in attempt.trajectory]
    steps = run_steps(messages, done, [_usage(call) for call in attempt.calls])
    return Trajectory(
        id=f"evals:{attempt.arm}:{attempt.epoch}:{attempt.task_id}",
        task_id=attempt.task_id,
        question=attempt.question,
        answers=attempt.answers,
        instructions="\n\n".join(m.content for m in messages if m.role == "system"),
        steps=steps,
        output=attempt.output,
        ending=attempt.ending,
        reward=attempt.score if judged else None,
        passed=attempt.passed if judged else None,
        entities_required=attempt.entities_required,
        entities_found=attempt.entities_found,
        usage=_usage(attempt.usage, attempt.seconds),
        source=Source(format="evals", file=file, line=line, arm=attempt.arm),
    )


def _usage(used: _Used, seconds: float | None = None) -> Usage:
    try:
        cost = None if used.cost is None else Decimal(used.cost)
    except InvalidOperation:
        raise ValueError(f"usage.cost is {used.cost!r}, no amount") from None
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost=cost,
        seconds=seconds,
        estimated="estimated" in used.provenance,
    )


class _Evals(JsonLinesImporter):
    """Of two lines about one attempt the later counts, as in the folder: what was spent until the
    first is in the second, too.
    """

    def read(self, path: Path) -> Iterator[Trajectory | Refused]:
        read = super().read
        last = {item.id: item.source.line for item in read(path) if isinstance(item, Trajectory)}
        for item in read(path):
            if isinstance(item, Trajectory) and (later := last[item.id]) > item.source.line:
                why = f"line {later} is about the same attempt, which went on or was made again"
                yield Refused(item.source.line, why)
            else:
                yield item


EVALS = _Evals(
    "evals",
    "trajectories.jsonl of a results folder",
    frozenset({"arm", "epoch", "task_id", "question", "messages", "trajectory"}),
    _convert,
)
