"""Agents that search and share few slots: `python -m bench.retrieval COMMAND`.

maturity  measures how soon searches are mature (a minute; once for an embedder)
real      real agents on the real engine, resumable (hours; nothing else may run meanwhile)
simulate  the same arms on a simulated engine (a minute)
check     what was measured beside the simulation of the same questions (seconds)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.retrieval.simulate import Measured

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", "../shared/data")) / "hotpotqa_dev"
MATURITY = Path(__file__).with_name("maturity.json")
EMBEDDER = "local:all-minilm-l6-v2"
CACHE = Path("results/bench-retrieval")


async def maturity(given: argparse.Namespace) -> None:
    from bench.retrieval import maturity, slow_search
    from lean_agent.models.registry import open_embedder

    embedder = open_embedder(EMBEDDER)
    try:
        sample = await slow_search.collection(given.data, CACHE, embedder)
        text = json.dumps(await maturity.measure(sample, embedder), indent=1)
    finally:
        await embedder.aclose()
    MATURITY.write_text(text + "\n")
    print(text)


async def real(given: argparse.Namespace) -> None:
    from bench.retrieval import real, report, slow_search
    from lean_agent.models.registry import open_embedder

    embedder = open_embedder(EMBEDDER)
    try:
        sample = await slow_search.collection(given.data, CACHE, embedder)
        await real.run(
            sample,
            embedder,
            given.out,
            model=given.model,
            count=given.count,
            agents=given.agents,
            steps=given.steps,
            seed=given.seed,
            latencies=given.latencies,
        )
    finally:
        await embedder.aclose()
    print(report.real(given.out, given.latencies))


async def simulate(given: argparse.Namespace) -> None:
    from bench.retrieval import report, workload

    asked = workload.published(given.count, given.seed)
    # In a thread: the simulation has an event loop of its own.
    print(await asyncio.to_thread(report.simulated, asked, measured(given), given.latencies))


async def check(given: argparse.Namespace) -> None:
    from bench.retrieval import report

    print(await asyncio.to_thread(report.check, given.out, measured(given), given.latencies))


def measured(given: argparse.Namespace) -> Measured:
    from bench.retrieval.real import PREFETCHES
    from bench.retrieval.simulate import Measured

    prefetches = given.out / PREFETCHES
    return Measured.read(given.maturity, prefetches if prefetches.exists() else None)


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.retrieval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("maturity")
    command.add_argument("--data", type=Path, default=DATA)
    command.set_defaults(run=maturity)
    command = commands.add_parser("real")
    command.add_argument("--data", type=Path, default=DATA)
    command.add_argument("--out", type=Path, default=CACHE / "real")
    command.add_argument("--model", default="qwen2.5-coder-1.5b")
    command.add_argument("--count", type=int, default=16, help="questions a cell")
    command.add_argument("--agents", type=int, default=8)
    command.add_argument("--steps", type=int, default=5, help="model calls a question, at most")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--latencies", type=numbers, default=[0, 1, 4.4])
    command.set_defaults(run=real)
    command = commands.add_parser("simulate")
    command.add_argument("--count", type=int, default=100)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--latencies", type=numbers, default=[0, 0.6, 1, 4.4])
    command.add_argument("--maturity", type=Path, default=MATURITY)
    command.add_argument("--out", type=Path, default=CACHE / "real", help="what `real` found ahead")
    command.set_defaults(run=simulate)
    command = commands.add_parser("check")
    command.add_argument("--out", type=Path, default=CACHE / "real")
    command.add_argument("--latencies", type=numbers, default=[0, 1, 4.4])
    command.add_argument("--maturity", type=Path, default=MATURITY)
    command.set_defaults(run=check)
    given = parser.parse_args()
    if "out" in given:
        given.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(given.run(given))


if __name__ == "__main__":
    main()
