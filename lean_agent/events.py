"""What ``Agent.stream`` yields while a run goes on. The last event is always RunFinished,
unless the run raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lean_agent._semconv import Mode
from lean_agent.result import RunResult
from lean_agent.usage import Usage

__all__ = [
    "ContextCompacted",
    "CostUpdated",
    "Event",
    "ModeChosen",
    "Notice",
    "RunFinished",
    "RunStarted",
    "StepStarted",
    "Token",
    "ToolFinished",
    "ToolStarted",
]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """First of every stream; ``run_id`` names the run in the ledger."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ModeChosen:
    """Also sent when a run escalates to the next mode."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins, with a model call or with a draft that is kept. ``step`` counts from 1; one
    begins anew where its draft was not the answer.
    """

    step: int


@dataclass(frozen=True, slots=True)
class Token:
    """Text as the model writes it: of the answer, of hidden reasoning, or of an action."""

    text: str
    channel: Literal["answer", "reasoning", "action"]


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call begins."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call ended; ``served`` means an earlier result was given again for free, ``unknown``
    that it was cut off in an earlier part of the run, may have happened, and is not made again.
    """

    call_id: str
    name: str
    output: str
    is_error: bool
    served: bool
    seconds: float
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class ContextCompacted:
    """What the model reads was made shorter, in tokens: because that ``pays``, or because its
    window was ``full``. The prompt's cache is lost from the first change on.
    """

    before: int
    after: int
    reason: Literal["pays", "full"]


@dataclass(frozen=True, slots=True)
class CostUpdated:
    """The run's total so far."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for the person watching: a ledger that cannot write, a truncated output."""

    message: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Last of every stream."""

    result: RunResult[Any]


Event = (
    RunStarted
    | ModeChosen
    | StepStarted
    | Token
    | ToolStarted
    | ToolFinished
    | ContextCompacted
    | CostUpdated
    | Notice
    | RunFinished
)
"""Any of them."""
