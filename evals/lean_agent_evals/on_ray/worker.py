"""A process of the cluster that makes attempts, several at once on its event loop."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lean_agent import Account, Ledger
from lean_agent.ledger.budget import Amount
from lean_agent.models.pricing import PriceTable
from lean_agent.models.registry import resolve_model
from lean_agent.price import Price
from lean_agent_evals.attempting import Bench, Sample, attempt
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import Journal
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder

__all__ = ["Job", "Worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker is told: it opens the suite and the model by their names in ``config``.

    ``folder`` is that of the results, absolute and the same for all; ``price`` is the model's.
    """

    config: RunConfig
    folder: Path
    prices: PriceTable
    price: Price | None


class Worker:
    """Writes its own segment of the ledger and its own file of calls.

    The budget of the run is the cap in all of the ledger's folder.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = ResultsFolder(job.folder)
        self._calls = self._folder.calls_of(uuid.uuid4().hex)
        self._bench: Bench | None = None
        self._opening = asyncio.Lock()
        self._under_way: set[asyncio.Task[tuple[Outcome, Mapping[str, Any]]]] = set()
        self._held = ExitStack()

    async def ready(self) -> None:
        """Answers as soon as its process is there."""

    async def attempt(
        self, sample: Sample, earlier: Sequence[Mapping[str, Any]]
    ) -> tuple[Outcome, Mapping[str, Any], Amount]:
        """As ``attempting.attempt``, and what this part of it spent."""
        async with self._opening:
            if self._bench is None:
                self._bench = await asyncio.to_thread(self._opened)
        account = Account()
        bench = replace(self._bench, account=account)
        journal = Journal(self._calls, sample.key, earlier)
        task = asyncio.ensure_future(attempt(sample, bench, journal))
        self._under_way.add(task)
        try:
            outcome, trajectory = await task
        finally:
            self._under_way.discard(task)
        return outcome, trajectory, account.spent

    async def close(self) -> None:
        """End what is under way, as Ctrl-C does, and let go of everything."""
        under_way = tuple(self._under_way)
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        if self._bench is not None:
            await self._bench.model.aclose()
            self._bench.ledger.close()
        self._calls.close()
        self._held.close()

    def _opened(self) -> Bench:
        config, folder = self._job.config, self._folder
        self._held.enter_context(folder.worked_in())
        return Bench(
            suite=open_suite(config.suite),
            model=resolve_model(config.model, base_url=config.base_url),
            account=Account(),
            ledger=Ledger(folder.ledger),
            prices=self._job.prices,
            price=self._job.price,
            sample_budget=config.sample_budget,
            temperature=config.temperature,
            seed=config.seed,
        )
