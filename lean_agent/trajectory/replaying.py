"""A recorded run once more, as the events of a run that goes on; no model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import cast, get_args

from lean_agent._semconv import Mode
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    RunStarted,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)
from lean_agent.trajectory.record import Step, Trajectory, Usage
from lean_agent.usage import Provenance
from lean_agent.usage import Usage as Billed

__all__ = ["replayed"]


def replayed(found: Trajectory) -> Iterator[Event]:
    """What ``Agent.stream`` yielded, but for RunFinished: a record holds no RunResult.

    A text comes whole in one Token, thoughts as reasoning. CostUpdated follows a turn, as long as
    the tokens of all turns so far are known; ``seconds`` of a tool are 0 where nobody measured.
    """
    yield RunStarted(found.id)
    if found.source.arm in get_args(Mode):
        yield ModeChosen(cast("Mode", found.source.arm), "")
    so_far: Billed | None = Billed()
    calls = 0
    for turn, group in groupby(found.steps, key=lambda step: step.turn):
        steps = list(group)
        yield StepStarted(turn + 1)
        for step in steps:
            calls += 1
            yield from _events(step, f"call_{calls}")
        used = _billed(Usage.total(step.usage for step in steps))
        so_far = None if so_far is None or used is None else so_far + used
        if so_far is not None:
            yield CostUpdated(so_far)


def _events(step: Step, call: str) -> Iterator[Event]:
    if step.thought:
        yield Token(step.thought, "reasoning")
    if step.kind == "answer":
        yield Token(str(step.arguments.get("argument", "")), "answer")
    elif step.kind == "act":
        yield ToolStarted(call, step.action, step.arguments)
        seconds = step.usage.seconds or 0.0
        yield ToolFinished(
            call, step.action, step.observation, step.is_error, served=False, seconds=seconds
        )


def _billed(used: Usage) -> Billed | None:
    """None where tokens are unknown."""
    if used.input_tokens is None or used.output_tokens is None:
        return None
    provenance: set[Provenance] = {"estimated"} if used.estimated else set()
    if used.cost is None:
        provenance.add("unpriced")
    return Billed(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost=used.cost,
        provenance=frozenset(provenance),
    )
