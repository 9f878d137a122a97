"""What a run gives back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal

from lean_agent._semconv import Mode
from lean_agent.messages import Message
from lean_agent.usage import Usage

__all__ = ["ExitStatus", "LimitOf", "OutputT", "RunResult", "TrajectoryStep"]

ExitStatus = Literal["completed", "limit_exceeded", "failed", "interrupted"]
LimitOf = Literal["run", "parent", "shared"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    OutputT = TypeVar("OutputT", default=str)
else:  # of defaults only checkers know before Python 3.13, and importing them takes 30 ms
    from typing import TypeVar

    OutputT = TypeVar("OutputT")
"""The type of an answer: text, or the caller's ``output_type``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryStep:
    """One tool call: what was asked, what came back, how long it took (seconds).

    ``step`` is that of the model call that asked for it. No model asked for a call that was
    ``foreseen``: it has the step of the last model call before it, 0 if there was none.
    ``served`` is true where an identical earlier call's result was given again for free,
    ``refused`` where the call was not made and ``observation`` says why, ``unknown`` where it was
    cut off in an earlier part of the run and may have happened or not.
    """

    step: int
    tool: str
    arguments: Mapping[str, Any]
    observation: str
    is_error: bool = False
    served: bool = False
    refused: bool = False
    unknown: bool = False
    foreseen: bool = False
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, kw_only=True)  # no slots: RunResult[str](...) would raise on Python 3.11
class RunResult(Generic[OutputT]):
    """The outcome of one run, complete or partial.

    ``output`` is of the agent's ``output_type``, text where it has none; and text, too, where an
    error carries the result of a run that came to no such output, or one was interrupted.
    ``steps`` counts model calls that advance the run (routing apart), ``tool_calls`` the calls
    executed or served. ``limit`` names the limit that ended a run with status limit_exceeded;
    ``limit_of`` says whose it is: the run's own, that of an account above it, such as a session's,
    or the cap of a day or month over all runs. ``resumable``: it is not complete and its state is
    kept, so that ``Agent.resume`` can go on with it.
    ``confidence`` is the geometric mean of the probabilities of the answer's tokens, known of an
    instant answer, or of an agent's draft, from a model that tells them.
    ``decision`` is the gate's (``GateDecision.to_dict``), with what it expected of each way.
    ``messages`` are all of the conversation, ``context`` those that the model was last sent: where
    they were compacted it is shorter, and the better ``history`` for the next run.
    ``usage`` is the sum over every attempt of every call, failed ones included; ``saved`` what the
    response cache spared, at list price.
    """

    output: OutputT
    messages: tuple[Message, ...] = field(repr=False)
    usage: Usage
    mode: Mode
    exit_status: ExitStatus
    steps: int
    tool_calls: int
    seconds: float
    run_id: str
    trajectory: tuple[TrajectoryStep, ...] = field(default=(), repr=False)
    context: tuple[Message, ...] = field(default=(), repr=False)
    limit: str | None = None
    limit_of: LimitOf | None = None
    resumable: bool = False
    mode_reason: str = ""
    notices: tuple[str, ...] = ()
    confidence: float | None = None
    decision: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    saved: Usage = field(default_factory=Usage)

    @property
    def text(self) -> str:
        """The output, as JSON where it is not text."""
        if isinstance(self.output, str):
            return self.output
        from pydantic_core import to_json

        return to_json(self.output).decode()

    @property
    def unknown_calls(self) -> tuple[TrajectoryStep, ...]:
        """Calls with side effects that were cut off: they may have happened, and were not made
        again.
        """
        return tuple(step for step in self.trajectory if step.unknown)

    @property
    def limit_shared(self) -> bool:
        """Whether a cap over all runs ended this one."""
        return self.limit_of == "shared"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from lean_agent._html import money, table, text

        status = self.exit_status
        if self.limit:
            status = f"{status} ({self.limit})"
        cells = {
            "mode": f"{self.mode}: {self.mode_reason}" if self.mode_reason else self.mode,
            "status": status,
            "steps": f"{self.steps}, with {self.tool_calls} tool calls",
            "tokens": f"{self.usage.input_tokens:,} in, {self.usage.output_tokens:,} out",
            "cost": money(self.usage.cost),
            "seconds": f"{self.seconds:.2f}",
            "run": self.run_id,
        }
        rows = [*cells.items(), *(("note", notice) for notice in self.notices)]
        return text(self.text) + table((), rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, as ``lean-agent ask --json`` prints them."""
        return {
            "output": self.text if isinstance(self.output, str) else json.loads(self.text),
            "mode": self.mode,
            "mode_reason": self.mode_reason,
            "exit_status": self.exit_status,
            "limit": self.limit,
            "limit_of": self.limit_of,
            "limit_shared": self.limit_shared,
            "resumable": self.resumable,
            "steps": self.steps,
            "tool_calls": self.tool_calls,
            "unknown_calls": [
                {"tool": step.tool, "arguments": dict(step.arguments)}
                for step in self.unknown_calls
            ],
            "usage": self.usage.to_dict(),
            "saved": self.saved.to_dict(),
            "seconds": round(self.seconds, 3),
            "run_id": self.run_id,
            "notices": list(self.notices),
            "confidence": self.confidence,
            "decision": dict(self.decision),
        }
