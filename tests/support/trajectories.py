"""Trajectories for tests, with no more said of them than matters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lean_agent.trajectory.record import Source, Step, Trajectory, Usage

__all__ = ["acted", "answered", "trajectory", "used"]


def used(read: int, written: int, cost: str | None = None) -> Usage:
    return Usage(
        input_tokens=read, output_tokens=written, cost=None if cost is None else Decimal(cost)
    )


def acted(turn: int, argument: str = "", observation: str = "", **more: Any) -> Step:
    arguments = {"argument": argument}
    given: dict[str, Any] = {
        "action": "search",
        "arguments": arguments,
        "observation": observation,
    }
    return Step(turn=turn, **given | more)


def answered(turn: int, text: str, **more: Any) -> Step:
    return Step(turn=turn, kind="answer", action="answer", arguments={"argument": text}, **more)


def trajectory(steps: Sequence[Step] | int = 1, **more: Any) -> Trajectory:
    """One that passed; ``steps`` may be how many."""
    made = [acted(turn) for turn in range(steps)] if isinstance(steps, int) else list(steps)
    given: dict[str, Any] = {
        "id": "one",
        "task_id": "task",
        "question": "Who?",
        "passed": True,
        "reward": 1.0,
        "source": Source(format="test"),
    }
    return Trajectory(steps=made, **given | more)
