"""Outcomes with only what a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lean_agent import RunResult, Usage
from lean_agent.result import TrajectoryStep
from lean_agent_evals.outcome import Outcome


def outcome(
    task: str,
    *,
    passed: bool = True,
    cost: str | None = "1",
    tokens: int = 100,
    usage: Usage | None = None,
    **given: Any,
) -> Outcome:
    known: dict[str, Any] = {
        "arm": "arm",
        "value": float(passed),
        "ending": "answered" if passed else "wrong",
        "exit_status": "completed",
        "steps": 1,
        "tool_calls": 0,
        "seconds": 1.0,
    }
    money = None if cost is None else Decimal(cost)
    counted = usage or Usage(output_tokens=tokens, cost=money, provenance=frozenset({"measured"}))
    return Outcome(task_id=task, usage=counted, **known | given)


def arm(
    passed: Sequence[bool], costs: Sequence[str | None] | None = None, **given: Any
) -> list[Outcome]:
    """An outcome a task: t0, t1, ..."""
    prices = costs or ["1"] * len(passed)
    return [
        outcome(f"t{number}", passed=right, cost=price, **given)
        for number, (right, price) in enumerate(zip(passed, prices, strict=True))
    ]


def result(
    output: str, *calls: tuple[str, dict[str, Any]], served: Sequence[int] = ()
) -> RunResult:
    """A run that made the calls and answered; those numbered in ``served`` repeat earlier ones."""
    return RunResult(
        output=output,
        messages=(),
        usage=Usage(),
        mode="agent",
        exit_status="completed",
        steps=1,
        tool_calls=len(calls),
        seconds=0.0,
        run_id="run",
        trajectory=tuple(
            TrajectoryStep(
                step=1, tool=name, arguments=arguments, observation="", served=n in served
            )
            for n, (name, arguments) in enumerate(calls)
        ),
    )
