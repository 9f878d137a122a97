"""Runs a suite: attempts side by side, under one budget, each written down as soon as it is over.

Killed or interrupted, a run goes on where it was: attempts that are over are left alone, those that
were under way go on from their journals, and those that an infrastructure failure ended are made
again. Spec: evals ("Runner").
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, Protocol

from lean_agent import Account, Agent, ConfigurationError, Ledger, Model
from lean_agent._threads import to_its_end
from lean_agent.ledger import queries
from lean_agent.ledger.budget import NOTHING, Amount
from lean_agent.ledger.caps import set_cap
from lean_agent.models.pricing import PriceTable
from lean_agent_evals.arms import Arm
from lean_agent_evals.attempting import Bench, Sample
from lean_agent_evals.config import RunConfig
from lean_agent_evals.executors import Executor, check_executor, executor_of
from lean_agent_evals.journal import Journal, RecordedModel, SampleKey
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.suite import Suite
from lean_agent_evals.tiers import SIZES, is_stable

__all__ = ["Observer", "RunEnd", "Why", "check_priced", "evaluate", "samples_of"]

Why = Literal["complete", "ranked", "interrupted", "budget", "failures"]
"""complete: every attempt was made, though some may have failed. ranked: no more tasks are needed
to rank the arms. budget: that of the whole run is used up. failures: so many attempts in a row
failed that the next would too.
"""

_FAILURES_IN_A_ROW = 20
_PROBE = SampleKey("", 0, "probe")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended: ``counting`` of ``total`` attempts are over and count, ``failed`` were ended
    by an infrastructure failure.
    """

    why: Why
    total: int
    counting: int
    failed: int
    spent: Amount


class Observer(Protocol):
    """Who watches a run."""

    def began(self, total: int, over: Sequence[Outcome]) -> None:
        """So many attempts are to be made; of these ``over`` were, by earlier parts of the run."""
        ...

    def ended(self, outcome: Outcome, spent: Amount) -> None:
        """One more is over; ``spent`` is what the whole run has spent."""
        ...

    def note(self, line: str) -> None: ...


def samples_of(suite: Suite, config: RunConfig, arms: Sequence[Arm]) -> Iterator[Sample]:
    """Every attempt, a task's together: a part of a run compares the arms on the same tasks.

    The arms are shuffled anew each time: a later one finds the task's text in the server's prompt
    cache. A run that goes on, with further arms too, keeps its order.

    Raises:
        ConfigurationError: two tasks have one id, by which attempts are known.
    """
    seen: set[str] = set()
    for task in suite.tasks(config.split, seed=config.seed, count=config.count):
        if task.id in seen:
            raise ConfigurationError(
                f"two tasks of {suite.name} have the id {task.id}",
                hint=f"lean-agent eval validate {config.suite} tells all of them",
            )
        seen.add(task.id)
        for epoch in range(config.epochs):
            draws = {_draw(config.seed, task.id, epoch, arm.name): arm for arm in arms}
            for draw in sorted(draws):
                yield Sample(task, draws[draw], epoch)


def _draw(*of: object) -> bytes:
    """At random, and the same in every process."""
    return hashlib.sha256(repr(of).encode()).digest()


def check_priced(config: RunConfig, model: Model, prices: PriceTable) -> None:
    """Refuse a cap in dollars on a model whose price nobody knows.

    Raises:
        ConfigurationError: it is one.
    """
    capped = config.budget.usd is not None or config.sample_budget.usd is not None
    if capped and prices.price_of(model) is None and not model.card.self_hosted:
        raise ConfigurationError(
            f"a cap in dollars cannot hold: the price of {model.name} is unknown",
            hint=f'add [models."{model.name}"] with input and output (USD per million tokens) to '
            "prices.toml, or cap tokens instead",
        )


async def evaluate(
    config: RunConfig,
    folder: ResultsFolder,
    *,
    suite: Suite,
    model: Model,
    arms: Sequence[Arm],
    observer: Observer,
    prices: PriceTable | None = None,
    stop: asyncio.Event | None = None,
) -> RunEnd:
    """Make every attempt that is not over yet. Setting ``stop`` ends the run; it can go on later.

    The workers of the executor "ray" open the suite and the model anew, by the names that they have
    in ``config``; arms are sent to them, so they must be such as can be pickled.

    Raises:
        ConfigurationError: nothing can be run so.
        LeanAgentError: the results cannot be written, or the model cannot be asked at all.
    """
    check_executor(config)
    table = prices or await asyncio.to_thread(PriceTable)
    await asyncio.to_thread(check_priced, config, model, table)
    samples = await asyncio.to_thread(lambda: list(samples_of(suite, config, arms)))
    with folder.in_use():
        for change in await asyncio.to_thread(folder.write_config, config):
            observer.note(change)
        await asyncio.to_thread(folder.await_workers)
        # A part that was killed leaves what its workers kept to.
        await asyncio.to_thread(set_cap, folder.ledger, "ever", None, spent=NOTHING)
        run = await _Run.opened(config, folder, suite, model, arms, samples, observer, table)
        try:
            end = await run.to_its_end(stop or asyncio.Event())
            if end.counting == end.total:
                await asyncio.to_thread(folder.forget_calls)
            return end
        finally:
            run.bench.ledger.close()
            await model.aclose()
            await asyncio.to_thread(folder.write_table)


@dataclass(slots=True, kw_only=True)
class _Run:
    config: RunConfig
    folder: ResultsFolder
    bench: Bench
    arms: Sequence[Arm]
    observer: Observer
    tiers: Sequence[Sequence[Sample]]
    over: Collection[SampleKey]
    left: Iterator[Sample]
    total: int
    counting: int
    earlier: dict[SampleKey, list[dict[str, Any]]]
    working: int = 0
    postponed: deque[Sample] = field(default_factory=deque[Sample])
    failed: int = 0
    in_a_row: int = 0
    why: Why = "complete"
    told: set[str] = field(default_factory=set[str])

    @classmethod
    async def opened(
        cls,
        config: RunConfig,
        folder: ResultsFolder,
        suite: Suite,
        model: Model,
        arms: Sequence[Arm],
        samples: Sequence[Sample],
        observer: Observer,
        prices: PriceTable,
    ) -> _Run:
        outcomes = await asyncio.to_thread(read_outcomes, folder.path)
        over = {key: found for key, found in outcomes.items() if found.counts}
        wanted = {_PROBE, *(sample.key for sample in samples if sample.key not in over)}
        counting = [over[sample.key] for sample in samples if sample.key in over]
        observer.began(len(samples), counting)
        return cls(
            config=config,
            folder=folder,
            bench=Bench(
                suite=suite,
                model=model,
                account=Account(config.budget, spent=await _spent(folder)),
                ledger=Ledger(folder.ledger),
                prices=prices,
                price=await asyncio.to_thread(prices.price_of, model),
                sample_budget=config.sample_budget,
                temperature=config.temperature,
                seed=config.seed,
            ),
            arms=arms,
            observer=observer,
            tiers=list(_tiers(samples, config)),
            over=frozenset(over),
            left=iter(()),
            total=len(samples),
            counting=len(counting),
            earlier=await asyncio.to_thread(folder.earlier_calls, wanted),
        )

    async def to_its_end(self, stop: asyncio.Event) -> RunEnd:
        working = asyncio.ensure_future(self._all())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            else:
                self.why = "interrupted"
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.wait({working, stopping})
        return RunEnd(
            why=self.why,
            total=self.total,
            counting=self.counting,
            failed=self.failed,
            spent=self.bench.account.spent,
        )

    async def _all(self) -> None:
        await self._find_action_format()
        if self.counting == self.total:
            return
        async with executor_of(self.config, self.folder, self.bench) as executor:
            tried: set[str] = set()
            for tier in self.tiers:
                if tried and await asyncio.to_thread(self._ranked, tried):
                    self.why = "ranked"
                    return
                self.left = (sample for sample in tier if sample.key not in self.over)
                await self._side_by_side(executor)
                if self.why != "complete":
                    return
                tried |= {sample.task.id for sample in tier}

    async def _side_by_side(self, executor: Executor) -> None:
        self.working = self.config.slots
        workers = [asyncio.ensure_future(self._work(executor)) for _ in range(self.working)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)

    def _ranked(self, tried: Collection[str]) -> bool:
        """Whether these tasks are enough to rank the arms."""
        outcomes = read_outcomes(self.folder.path).values()
        found = [outcome for outcome in outcomes if outcome.task_id in tried]
        arms = (arm.name for arm in self.arms)
        return is_stable({arm: [o for o in found if o.arm == arm] for arm in arms})

    async def _find_action_format(self) -> None:
        """Once for all, and charged to the run: else each of the first attempts would ask."""
        left = (sample for tier in self.tiers for sample in tier if sample.key not in self.over)
        if self.bench.model.card.action_format or not any(sample.arm.probes for sample in left):
            return
        journal = Journal(self.folder.calls, _PROBE, self.earlier.pop(_PROBE, ()))
        agent = Agent(
            model=RecordedModel(self.bench.model, journal, self.bench.price),
            ledger=self.bench.ledger,
            account=self.bench.account,
            prices=self.bench.prices,
            cache=journal,
        )
        await agent.probe()

    async def _work(self, executor: Executor) -> None:
        while self.why == "complete" and (sample := self._next()):
            earlier, alone = self.earlier.pop(sample.key, ()), self.working == 1
            outcome, trajectory = await executor.attempt(sample, earlier)
            if _is_cut(outcome) and not alone:
                # Each holds more than it will use: what is left may do for fewer at a time.
                self.earlier |= await asyncio.to_thread(self.folder.earlier_calls, {sample.key})
                self.postponed.append(sample)
                if self.working > 1:
                    break
                continue
            await to_its_end(asyncio.to_thread(self.folder.append, outcome, trajectory))
            self._count(outcome, trajectory)
        self.working -= 1

    def _next(self) -> Sample | None:
        return self.postponed.popleft() if self.postponed else next(self.left, None)

    def _count(self, outcome: Outcome, trajectory: Mapping[str, Any]) -> None:
        if outcome.counts:
            self.counting += 1
            self.in_a_row = 0
        else:
            self.failed += 1
            self.in_a_row += 1
            if _is_cut(outcome):
                self.why = "budget"
            elif self.in_a_row == _FAILURES_IN_A_ROW:
                self.why = "failures"
        for line in (trajectory["error"], *trajectory["notices"]):
            if line and not outcome.counts and line not in self.told:
                self.told.add(line)
                self.observer.note(f"{outcome.arm}, {outcome.task_id}: {line}")
        self.observer.ended(outcome, self.bench.account.spent)


def _is_cut(outcome: Outcome) -> bool:
    """By the budget of the whole run."""
    return not outcome.counts and outcome.exit_status == "limit_exceeded"


def _tiers(samples: Sequence[Sample], config: RunConfig) -> Iterator[Sequence[Sample]]:
    """The attempts in parts: after each but the last the run may end, if it is tiered."""
    a_task = config.epochs * len(config.arms)
    sizes = [size * a_task for size in SIZES] if config.tiered else []
    for start, end in pairwise([0, *(s for s in sizes if s < len(samples)), len(samples)]):
        yield samples[start:end]


async def _spent(folder: ResultsFolder) -> Amount:
    """What earlier parts of the run have spent, calls cut off with their process included."""
    if not folder.ledger.is_dir():
        return Amount()
    usd, tokens = await asyncio.to_thread(queries.spent, folder.ledger, since=0.0)
    return Amount(usd=usd, tokens=tokens)
