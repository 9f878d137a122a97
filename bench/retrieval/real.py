"""The arms on the real engine: real agents, real passages, real answers; only latency is added.

A cell is an arm at a latency, and a file in the output folder once it is complete: a run that was
cut off goes on with the next cell. Arrivals are drawn once for all cells.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.retrieval import bare
from bench.retrieval.figures import Answered, Called, Rates, figures
from bench.retrieval.recorded_model import RecordedModel, measured_rates
from bench.retrieval.simulate import ARMS, Arm
from bench.retrieval.slow_search import Collection, SlowSearch
from lean_agent import Agent, Budget, Ledger
from lean_agent.embedder import Embedder
from lean_agent.ledger import queries
from lean_agent.models import engine_settings
from lean_agent.models.local import LocalModel
from lean_agent_evals.short_answers import f1
from lean_agent_tools.search import search_tool

__all__ = ["PREFETCHES", "Asked", "cell_figures", "cells", "read_cell", "run"]

PREFETCHES = "prefetches.json"
"""What was found ahead in all cells, for the simulation."""

_INSTRUCTIONS = (
    "Search the documents for what a question needs; it may need several. Give the answer alone, "
    "without a sentence around it: a name, a date, a few words, yes or no."
)
_ENDS = (ARMS[0], ARMS[1])
_LOAD = 1.5
_ENGINE_ENDS = 3.0
_WARM_UP = "Search for the capital of Australia."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What makes two cells comparable; ``gap`` is the mean of the seconds between arrivals."""

    model: str
    count: int
    agents: int
    steps: int
    seed: int
    gap: float
    rates: Rates

    @classmethod
    def read(cls, path: Path) -> Asked:
        data: dict[str, Any] = json.loads(path.read_text())
        rates = Rates(**data.pop("rates"))
        return cls(**data, rates=rates)


@dataclass(frozen=True, slots=True)
class Cell:
    arm: Arm
    latency: float
    cache_mib: int

    @property
    def name(self) -> str:
        cache = "" if self.cache_mib else "-no-host-cache"
        return f"{self.arm.name.removeprefix('+')}-{self.latency:g}s{cache}"


def cells(latencies: Sequence[float]) -> list[Cell]:
    """All arms at each latency, and two of them without the host cache at the middle one."""
    found = [Cell(arm, latency, 1024) for latency in latencies for arm in ARMS]
    middle = sorted(latencies)[len(latencies) // 2]
    return found + [Cell(arm, middle, 0) for arm in ARMS[:2]]


async def run(
    sample: Collection,
    embedder: Embedder,
    out: Path,
    *,
    model: str,
    count: int,
    agents: int,
    steps: int,
    seed: int,
    latencies: Sequence[float],
) -> None:
    """Every cell that is not in the folder ``out`` yet."""
    config = out / "config.json"
    if not await asyncio.to_thread(config.exists):
        rates, seconds = await _calibrated(sample, embedder, out, model, steps)
        gap = seconds / rates.slots / _LOAD
        first = Asked(
            model=model,
            count=count,
            agents=agents,
            steps=steps,
            seed=seed,
            gap=gap,
            rates=rates,
        )
        config.write_text(json.dumps(asdict(first), indent=1) + "\n")
    asked = Asked.read(config)
    same = (asked.model, asked.count, asked.agents, asked.steps, asked.seed)
    if same != (model, count, agents, steps, seed):
        raise SystemExit(f"{config} is of another run: give its arguments, or another --out")
    # What most depends on comes first: the arm that users get beside the one that they had.
    for cell in sorted(
        cells(latencies), key=lambda cell: (not cell.cache_mib, cell.arm not in _ENDS)
    ):
        path = out / f"{cell.name}.json"
        if not path.exists():
            record = await _measured(cell, sample, embedder, out, asked)
            path.write_text(json.dumps(record, indent=1) + "\n")
            print(f"{cell.name}: {record['seconds']:.0f} s", file=sys.stderr, flush=True)
        if not (out / bare.NAME).exists():
            await _new_engine(1024)
            record = await bare.measured(out, asked.model, asked.agents)
            (out / bare.NAME).write_text(json.dumps(record, indent=1) + "\n")
            print(f"bare: {record['seconds']:.0f} s", file=sys.stderr, flush=True)
    ahead: list[float | None] = []
    for cell in cells(latencies):
        if cell.arm.prefetch:
            ahead += json.loads((out / f"{cell.name}.json").read_text())["ahead"]
    (out / PREFETCHES).write_text(json.dumps({"ahead": ahead}) + "\n")


def read_cell(path: Path) -> list[Answered]:
    record: dict[str, Any] = json.loads(path.read_text())
    return [
        Answered(
            came=question["came"],
            ended=question["ended"],
            f1=question["f1"],
            calls=[Called(**call) for call in question["calls"]],
        )
        for question in record["questions"]
    ]


def _agent(
    model: RecordedModel,
    search: SlowSearch,
    embedder: Embedder,
    ledger: Ledger,
    steps: int,
    arm: Arm,
) -> Agent:
    tool = search_tool(retriever=search, embedder=embedder, prefetch=arm.prefetch)
    return Agent(
        model=model,
        tools=[tool],
        mode="agent",
        budget=Budget(steps=steps),
        instructions=_INSTRUCTIONS,
        ledger=ledger,
    )


async def _calibrated(
    sample: Collection, embedder: Embedder, out: Path, model: str, steps: int
) -> tuple[Rates, float]:
    """The engine's rates, and the seconds that a question takes it alone, of three."""
    os.environ["LEAN_AGENT_ENGINE_CACHE_MIB"] = "1024"
    os.environ["LEAN_AGENT_ENGINE_LINGER"] = "0"
    local = LocalModel(model)
    rates = await measured_rates(local, engine_settings.from_environment(model, Path()).slots)
    recorded = RecordedModel(local, scheduled=True)
    search = SlowSearch(collection=sample, embedder=embedder.name, seconds=0.0, ladder=False)
    ledger = Ledger(out / "ledgers" / "calibration")
    async with _agent(recorded, search, embedder, ledger, steps, ARMS[0]) as agent:
        await agent.run(_WARM_UP)  # the probe of the model's action format
        recorded.start()
        for question, _ in sample.questions[-3:]:
            await agent.run(question)
    return rates, recorded.now() / 3


async def _measured(
    cell: Cell, sample: Collection, embedder: Embedder, out: Path, asked: Asked
) -> dict[str, Any]:
    await _new_engine(cell.cache_mib)
    model = RecordedModel(LocalModel(asked.model), scheduled=cell.arm.scheduled)
    search = SlowSearch(
        collection=sample,
        embedder=embedder.name,
        seconds=cell.latency,
        ladder=cell.arm.ladder,
    )
    ledger = Ledger(out / "ledgers" / cell.name)
    places = asyncio.Semaphore(asked.agents)
    chance = random.Random(asked.seed)
    async with _agent(model, search, embedder, ledger, asked.steps, cell.arm) as agent:
        warm_up = await agent.run(_WARM_UP)
        search.looked.clear()
        model.start()

        async def one(question: str, answer: str, came: float) -> dict[str, Any]:
            await asyncio.sleep(came - model.now())
            async with places:
                result = await agent.run(question)
            return {
                "question": question,
                "came": came,
                "ended": model.now(),
                "output": result.output,
                "f1": f1(result.output, answer),
                "exit_status": result.exit_status,
                "run_id": result.run_id,
            }

        came = 0.0
        tasks: list[asyncio.Task[dict[str, Any]]] = []
        for question, answer in sample.questions[: asked.count]:
            tasks.append(asyncio.create_task(one(question, answer, came)))
            came += chance.expovariate(1 / asked.gap)
        questions = await asyncio.gather(*tasks)
        seconds = model.now()
    bare.keep_requests(
        out,
        model.requests.get(warm_up.run_id, []),
        [(question["came"], model.requests[question["run_id"]]) for question in questions],
    )
    for question in questions:
        question["calls"] = [asdict(call) for call in _calls(model, question["run_id"])]
    rows = [row for q in questions for row in queries.show(ledger.folder, q["run_id"])]
    record = {
        "command": [*sys.orig_argv[1:]],
        "data": "hotpotqa_dev",
        "arm": cell.arm.name,
        "latency": cell.latency,
        "cache_mib": cell.cache_mib,
        "seconds": seconds,
        "searches": search.looked,
        "prefetches": _prefetches(rows),
        "ahead": _ahead(rows),
        "questions": questions,
    }
    return record | asdict(asked)


async def _new_engine(cache_mib: int) -> None:
    """For each cell: the one before knows these very questions."""
    os.environ["LEAN_AGENT_ENGINE_CACHE_MIB"] = str(cache_mib)
    os.environ["LEAN_AGENT_ENGINE_LINGER"] = "0"
    await asyncio.sleep(_ENGINE_ENDS)


def _calls(model: RecordedModel, run_id: str) -> list[Called]:
    return model.calls.get(run_id, [])


def _prefetches(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    outcomes = [row["finish_reason"] for row in rows if _is_prefetch(row)]
    return {outcome: outcomes.count(outcome) for outcome in ("hit", "wasted", "failed")}


def _is_prefetch(row: dict[str, Any]) -> bool:
    return row["purpose"] == "prefetch" and row["operation"] == "retrieval"


def _ahead(rows: Sequence[dict[str, Any]]) -> list[float | None]:
    """For each search, how much of the call that asked for it was still to be written when the
    search that it took began: 1 is all or more, None that it took none.

    That call is taken to be the first to end after the search began.
    """
    searches = [row for row in rows if row["purpose"] == "tool" and row["finish_reason"] == "done"]
    found: list[float | None] = []
    for row in rows:
        if not _is_prefetch(row) or row["finish_reason"] != "hit":
            continue
        calls = [
            (call["ts"] + call["seconds"], call["output_seconds"])
            for call in rows
            if call["run_id"] == row["run_id"] and call["purpose"] == "act" and call["seconds"]
        ]
        ends = [(end, written) for end, written in calls if end >= row["ts"]]
        if ends:
            end, written = min(ends)
            found.append(min(1.0, (end - row["ts"]) / written) if written else 1.0)
    return found + [None] * max(0, len(searches) - len(found))


def cell_figures(path: Path, asked: Asked) -> dict[str, Any]:
    """The figures of a complete cell, and the mean F1."""
    answered = read_cell(path)
    scores = [question.f1 or 0.0 for question in answered]
    return figures(answered, asked.rates).to_dict() | {"f1": sum(scores) / len(scores)}
