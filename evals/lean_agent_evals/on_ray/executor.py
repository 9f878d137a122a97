"""Attempts in worker processes: each is given out, and what it came to is taken back.

A worker that dies takes its attempts with it; each is begun again, once, by the worker that takes
its place, from what was written down before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from lean_agent import Budget, ConfigurationError, LeanAgentError
from lean_agent._threads import to_its_end
from lean_agent.ledger import queries
from lean_agent.ledger.budget import NOTHING, Amount, smaller
from lean_agent.ledger.caps import set_cap
from lean_agent_evals.attempting import Bench, Sample, cut_off
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import Journal
from lean_agent_evals.on_ray.cluster import BUSY_HINT, cluster, load_ray
from lean_agent_evals.on_ray.worker import Job, Worker
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder

__all__ = ["ray_executor"]

_STARTING_SECONDS = 120.0
_CLOSING_SECONDS = 10.0
_TRIES = 2
_SHOWN = 300


@asynccontextmanager
async def ray_executor(
    config: RunConfig, folder: ResultsFolder, bench: Bench
) -> AsyncGenerator[RayExecutor]:
    """As many workers as the cluster has free CPUs, or as attempts may go on at once, if fewer.

    Raises:
        ConfigurationError: as ``cluster``; or the workers are given no CPU in time.
        LeanAgentError: as ``cluster``.
    """
    if config.model.startswith("local:"):
        # The engine starts: one that a worker had started would end with that.
        await bench.model.count_tokens((), ())
    if config.budget != Budget():
        spent = bench.account.spent
        await asyncio.to_thread(set_cap, folder.ledger, "ever", config.budget, spent=spent)
    async with cluster(min(config.slots, os.cpu_count() or 1)) as cpus:
        job = Job(
            config=config, folder=folder.path.absolute(), prices=bench.prices, price=bench.price
        )
        executor = RayExecutor(job, folder, bench, workers=min(config.slots, cpus))
        try:
            await executor.started()
            yield executor
        finally:
            await to_its_end(executor.close())


class RayExecutor:
    """Gives attempts to ``workers`` processes, the same number to each."""

    def __init__(self, job: Job, folder: ResultsFolder, bench: Bench, *, workers: int) -> None:
        self._ray = load_ray()
        self._job = job
        self._folder = folder
        self._bench = bench
        self._places = -(-job.config.slots // workers)
        self._workers = [self._hired() for _ in range(workers)]
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for place in range(self._places * workers):
            self._free.put_nowait(place % workers)

    async def started(self) -> None:
        """All of the workers are there.

        Raises:
            ConfigurationError: they are not, in time.
        """
        ready = [worker.ready.remote() for worker in self._workers]
        _, missing = await asyncio.to_thread(
            self._ray.wait,
            ready,
            num_returns=len(ready),
            timeout=_STARTING_SECONDS,
            fetch_local=False,
        )
        if missing:
            raise ConfigurationError(
                f"{len(missing)} of {len(ready)} Ray workers have not started in "
                f"{_STARTING_SECONDS:g} s: the cluster may have no CPU free",
                hint=BUSY_HINT,
            )

    async def attempt(
        self, sample: Sample, earlier: Sequence[Mapping[str, Any]]
    ) -> tuple[Outcome, Mapping[str, Any]]:
        number = await self._free.get()
        try:
            return await self._attempt(number, sample, earlier)
        finally:
            self._free.put_nowait(number)

    async def _attempt(
        self, number: int, sample: Sample, earlier: Sequence[Mapping[str, Any]]
    ) -> tuple[Outcome, Mapping[str, Any]]:
        errors = self._ray.exceptions
        why = LeanAgentError("its worker ended")
        for _ in range(_TRIES):
            worker = self._workers[number]
            try:
                outcome, trajectory, spent = await worker.attempt.remote(sample, earlier)
            except errors.RayTaskError as error:
                raise error.cause or error from None
            except errors.RayError as error:
                why = LeanAgentError(f"its worker ended: {' '.join(str(error).split())[:_SHOWN]}")
                self._replace(number, worker)
                earlier = await asyncio.to_thread(self._written, sample)
            else:
                self._charge(spent)
                return outcome, trajectory
        journal = Journal(self._folder.calls, sample.key, earlier)
        return cut_off(sample, self._bench, journal, why)

    async def close(self) -> None:
        """End the workers, and charge what those spent that could not say so."""
        ends = [worker.close.remote() for worker in self._workers]
        await asyncio.to_thread(
            self._ray.wait, ends, num_returns=len(ends), timeout=_CLOSING_SECONDS, fetch_local=False
        )
        for worker in self._workers:
            self._ray.kill(worker)
        folder = self._folder.ledger
        await asyncio.to_thread(set_cap, folder, "ever", None, spent=NOTHING)
        usd, tokens = await asyncio.to_thread(queries.spent, folder, since=0.0)
        written = Amount(usd=usd, tokens=tokens)
        self._charge(written - smaller(written, self._bench.account.spent))

    def _hired(self) -> Any:
        actor: Any = self._ray.remote(Worker)
        # One more for its end, which must not wait for an attempt's.
        options = actor.options(num_cpus=1, max_concurrency=self._places + 1)
        return options.remote(self._job)

    def _replace(self, number: int, worker: Any) -> None:
        """Another worker in its place, unless another attempt has seen to that."""
        if self._workers[number] is worker:
            self._ray.kill(worker)  # it may only be out of reach, and go on paying
            self._workers[number] = self._hired()

    def _written(self, sample: Sample) -> Sequence[Mapping[str, Any]]:
        return self._folder.earlier_calls({sample.key}).get(sample.key, ())

    def _charge(self, spent: Amount) -> None:
        """To the run's account: it was reserved, and kept within the budget, where it was spent."""
        self._bench.account.reserve(NOTHING).settle(spent)
