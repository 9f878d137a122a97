"""What ``lean-agent eval`` keeps of an attempt: a line of a results folder's trajectories.jsonl.

A turn's usage is known where the model was called once for each of the assistant's messages; else
only the whole attempt's is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.messages import Message, ToolCall
from lean_agent.trajectory.importers.importer import JsonLinesImporter
from lean_agent.trajectory.record import Source, Step, Trajectory, Usage

__all__ = ["EVALS"]


class _Call(BaseModel):
    model_config = ConfigDict(strict=True)
    tool: str
    arguments: dict[str, Any]
    observation: str
    is_error: bool = False
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
    # Frameworks keep their messages to themselves: there the calls are all that is known.
    told = any(message.role == "assistant" for message in messages)
    steps = list(_steps(messages, attempt) if told else _bare(attempt.trajectory))
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


def _steps(messages: Sequence[Message], attempt: _Attempt) -> Iterator[Step]:
    turns = [message for message in messages if message.role == "assistant"]
    known = len(attempt.calls) == len(turns)
    observed = {m.tool_call_id: m.content for m in messages if m.role == "tool"}
    made = [call for message in turns for call in message.tool_calls]
    about = attempt.trajectory if len(attempt.trajectory) == len(made) else None
    number = 0
    for turn, message in enumerate(turns):
        usage = _usage(attempt.calls[turn]) if known else Usage()
        if not message.tool_calls:
            last = message is turns[-1]
            yield Step(
                turn=turn,
                kind="answer" if last else "think",
                action="answer" if last else "",
                arguments={"argument": message.content} if last else {},
                thought="" if last else message.content,
                usage=usage,
            )
        for first, call in enumerate(message.tool_calls):
            yield _acted(
                turn,
                call,
                message.content if first == 0 else "",
                observed.get(call.id, ""),
                about[number] if about else None,
                usage if first == 0 or not known else _NOTHING,
            )
            number += 1


_NOTHING = Usage(input_tokens=0, output_tokens=0, cost=Decimal(0))


def _acted(
    turn: int, call: ToolCall, thought: str, observation: str, about: _Call | None, usage: Usage
) -> Step:
    return Step(
        turn=turn,
        action=call.name,
        arguments=dict(call.arguments),
        thought=thought,
        observation=observation,
        is_error=about is not None and about.is_error,
        usage=usage if about is None else usage.model_copy(update={"seconds": about.seconds}),
    )


def _bare(calls: Sequence[_Call]) -> Iterator[Step]:
    for turn, call in enumerate(calls):
        yield Step(
            turn=turn,
            action=call.tool,
            arguments=call.arguments,
            observation=call.observation,
            is_error=call.is_error,
            usage=Usage(seconds=call.seconds),
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


EVALS = JsonLinesImporter(
    "evals",
    "trajectories.jsonl of a results folder",
    frozenset({"arm", "epoch", "task_id", "question", "messages", "trajectory"}),
    _convert,
)
