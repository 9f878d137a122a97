"""The arms on the simulated engine, in virtual time. Every figure it prints is simulated."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.retrieval import virtual_time
from bench.retrieval.figures import Answered, Called, Figures, Rates, figures
from bench.retrieval.simulated_engine import Hardware, SimulatedEngine, text_of
from bench.retrieval.workload import Question, Workload
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelRequest, RunProgress
from lean_agent.retrieval.anytime import LADDER, climb
from lean_agent.retrieval.fusion import Ranking

__all__ = [
    "ARMS",
    "CPU",
    "GPU",
    "Arm",
    "Conditions",
    "Measured",
    "as_measured",
    "rates",
    "simulate",
    "without_host_cache",
]

CPU = Hardware(
    name="2 CPU cores, 1.5B (60 prompt, 12 output tokens/s alone)",
    slots=2,
    prompt_rate=60.0,
    step=1 / 12,
    growth=0.5,
)
"""Rates as seen alone on the machine; ``growth`` is a guess, `check` takes the measured one."""

GPU = Hardware(
    name="A100-class GPU, 7B in 16 bit (11,000 prompt, 80 output tokens/s alone)",
    slots=2,
    prompt_rate=11_000.0,
    step=1 / 80,
    growth=0.02,
)
"""Assumed: 15 GB of weights at 1.6 TB/s and 15 Gflop a token at half of 312 Tflop/s, some 30 %
lost. A search of 0.6 to 4.4 s, the latencies published, is then 50 to 350 steps of decoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    name: str
    scheduled: bool = True
    ladder: bool = False
    prefetch: bool = False


ARMS = (
    Arm(name="fcfs", scheduled=False),
    Arm(name="+priority"),
    Arm(name="+ladder", ladder=True),
    Arm(name="+prefetch", ladder=True, prefetch=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``rungs`` maps the rung at which a search is mature (0: never) to its share, and ``enough``
    is the efSearch that reaches the recall asked for (`maturity`). ``ahead`` is, for each search,
    which part of the call that asks for it was still to be written when the search began that it
    took; None where it took none (`real`). Without ``ahead`` there is no prefetching.
    """

    rungs: Mapping[int, float]
    enough: int
    ahead: Sequence[float | None] = ()

    @classmethod
    def read(cls, maturity: Path, prefetches: Path | None) -> Measured:
        found: dict[str, Any] = json.loads(maturity.read_text())
        ahead = json.loads(prefetches.read_text())["ahead"] if prefetches else ()
        rungs = {int(rung): share for rung, share in found["rungs"].items()}
        return cls(rungs=rungs, enough=found["enough"], ahead=ahead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """``latency`` in seconds is a search's at the last rung, of which the share ``remote`` is spent
    on the way, at each rung anew. Questions come at ``load`` times the rate at which the engine
    could answer them, or every ``gap`` seconds on average, ``agents`` at once.
    """

    latency: float
    agents: int = 8
    load: float = 1.5
    remote: float = 0.0
    seed: int = 0
    gap: float | None = None


class _Searches:
    def __init__(
        self, arm: Arm, conditions: Conditions, measured: Measured, engine: SimulatedEngine
    ) -> None:
        self._arm = arm
        self._conditions = conditions
        self._measured = measured
        self._engine = engine

    async def search(self, chance: random.Random) -> None:
        """One at once, or up the real ladder."""
        remote = self._conditions.latency * self._conditions.remote
        local = self._conditions.latency - remote
        mature = chance.choices([*self._measured.rungs], [*self._measured.rungs.values()])[0]
        rung = 0

        async def look(ef: int) -> Ranking:
            nonlocal rung
            rung += 1
            await asyncio.sleep(remote + local * ef / LADDER[-1])
            settled = mature and rung >= mature - 1
            return [(number if settled else 100 * rung + number, 0.0) for number in range(10)]

        if self._arm.ladder:
            hurry = self._hurry
            await climb(look, 10, enough=self._measured.enough, hurry=hurry)
        else:
            await look(LADDER[-1])

    def _hurry(self) -> bool:
        return self._engine.free_slots() > 0


async def _written(
    engine: SimulatedEngine, request: ModelRequest, begin: Callable[[], None], ahead: float | None
) -> Any:
    """The answer; ``begin`` is called when the part ``ahead`` of it is still to be written."""
    total = request.max_output_tokens or 1
    pieces = 0
    if ahead is not None and ahead >= 1:
        begin()
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Completed):
                return event.response
            pieces += 1
            if ahead is not None and ahead < 1 and pieces == total - int(ahead * total):
                begin()
    raise AssertionError("a stream ends with its answer")


async def _agent(
    number: int,
    question: Question,
    workload: Workload,
    engine: SimulatedEngine,
    searches: _Searches,
    arm: Arm,
    measured: Measured,
    came: float,
    seed: int,
) -> Answered:
    loop = asyncio.get_running_loop()
    # Each question's own, so that all arms draw the same.
    chance = random.Random(seed * 1_000_003 + number)
    began = loop.time()
    name = f"run {number}"
    messages = (
        Message("system", text_of(workload.system, "system")),
        Message("user", text_of(question.prompt, name)),
    )
    calls: list[Called] = []
    for done, step in enumerate(question.steps):
        last = done == len(question.steps) - 1
        lottery = chance.random()
        ahead = None
        if arm.prefetch and measured.ahead and not last:
            ahead = measured.ahead[int(lottery * len(measured.ahead))]
        task: Awaitable[None] | None = None

        def begin() -> None:
            nonlocal task
            task = asyncio.ensure_future(searches.search(chance))

        request = ModelRequest(
            messages=messages,
            max_output_tokens=step.written,
            run=RunProgress(run_id=name, retrievals=done, began=began, last=last),
        )
        sent = loop.time()
        response = await _written(engine, request, begin, ahead)
        calls.append(
            Called(
                began=sent,
                ended=loop.time(),
                input=response.usage.input_tokens,
                cached=response.usage.cache_read_input_tokens,
                output=response.usage.output_tokens,
                queue=response.timings.queue or 0.0,
            )
        )
        if not last:
            if task is None:
                begin()
            assert task is not None
            await task
            found = Message("user", text_of(step.found, f"{name}, search {done}"))
            messages = (*messages, response.message, found)
    return Answered(came=came, ended=loop.time(), calls=calls)


async def _run(
    workload: Workload, hardware: Hardware, arm: Arm, conditions: Conditions, measured: Measured
) -> list[Answered]:
    loop = asyncio.get_running_loop()
    engine = SimulatedEngine(hardware, scheduled=arm.scheduled)
    searches = _Searches(arm, conditions, measured, engine)
    places = asyncio.Semaphore(conditions.agents)
    chance = random.Random(conditions.seed)
    gap = conditions.gap or _seconds_a_question(workload, hardware) / conditions.load

    async def one(number: int, question: Question, came: float) -> Answered:
        await asyncio.sleep(came - loop.time())
        async with places:
            return await _agent(
                number, question, workload, engine, searches, arm, measured, came, conditions.seed
            )

    came = 0.0
    tasks: list[asyncio.Task[Answered]] = []
    for number, question in enumerate(workload.questions):
        tasks.append(asyncio.create_task(one(number, question, came)))
        came += chance.expovariate(1 / gap)
    return list(await asyncio.gather(*tasks))


def rates(hardware: Hardware) -> Rates:
    """The engine's at its best: all slots busy."""
    output = hardware.slots / hardware.seconds(hardware.slots, 0)
    return Rates(
        prompt=hardware.prompt_rate,
        output=output,
        alone=1 / hardware.step,
        slots=hardware.slots,
    )


def as_measured(best: Rates, *, host_cache: bool) -> Hardware:
    """The machine that has these rates."""
    step = 1 / best.alone
    growth = (best.slots / (best.output * step) - 1) / max(1, best.slots - 1)
    return Hardware(
        name="as measured",
        slots=best.slots,
        prompt_rate=best.prompt,
        step=step,
        growth=max(0.0, growth),
        host_cache=host_cache,
    )


def _seconds_a_question(workload: Workload, hardware: Hardware) -> float:
    best = rates(hardware)
    written = sum(step.written for q in workload.questions for step in q.steps)
    read = sum(q.prompt + sum(step.found for step in q.steps) for q in workload.questions)
    return (written / best.output + read / best.prompt) / len(workload.questions)


def simulate(
    workload: Workload, hardware: Hardware, arm: Arm, conditions: Conditions, measured: Measured
) -> Figures:
    answered = virtual_time.run(_run(workload, hardware, arm, conditions, measured))
    return figures(answered, rates(hardware))


def without_host_cache(hardware: Hardware) -> Hardware:
    return replace(hardware, name=f"{hardware.name}, no host cache", host_cache=False)
