"""Runs of the counting suite, in this process or in one that can be killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.counting_suite import Counting, CountingModel

from lean_agent import Budget, Model, ModelRequest
from lean_agent.ledger.budget import Amount
from lean_agent_evals.arms import arm_named
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import RunEnd, evaluate

__all__ = ["Silent", "config", "run", "timeless"]


class Silent:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.over = 0

    def began(self, total: int, over: Sequence[Outcome]) -> None:
        self.over = len(over)

    def ended(self, outcome: Outcome, spent: Amount) -> None: ...

    def note(self, line: str) -> None:
        self.notes.append(line)


def config(**given: Any) -> RunConfig:
    known: dict[str, Any] = {
        "suite": "counting",
        "arms": ("agent",),
        "model": CountingModel.name,
        "concurrency": 3,
        "sample_budget": Budget(steps=8),
    }
    return RunConfig(**known | given)


async def run(
    folder: Path,
    model: Model,
    *,
    size: int = 10,
    observer: Silent | None = None,
    stop: asyncio.Event | None = None,
    **given: Any,
) -> RunEnd:
    asked = config(**given)
    return await evaluate(
        asked,
        ResultsFolder(folder),
        suite=Counting(size),
        model=model,
        arms=[arm_named(name) for name in asked.arms],
        observer=observer or Silent(),
        stop=stop,
    )


def timeless(folder: Path) -> dict[SampleKey, Outcome]:
    """What a run came to, but for how long it took."""
    return {key: replace(found, seconds=0.0) for key, found in read_outcomes(folder).items()}


def main() -> None:
    """Run in a process of its own: FOLDER SIZE SECONDS-A-CALL; a line on stdout for each call."""

    def before(request: ModelRequest) -> None:
        sys.stdout.write(f"{len(request.messages)}\n")
        sys.stdout.flush()
        time.sleep(float(sys.argv[3]))

    asyncio.run(run(Path(sys.argv[1]), CountingModel(before), size=int(sys.argv[2])))


if __name__ == "__main__":
    main()
