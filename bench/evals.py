"""What running a suite adds to the agents that it runs, beside those agents by themselves.

Samples of a model that answers at once, each of one to four tool calls and an answer, many at a
time, with everything written down: outcomes flushed to disk, trajectories, the journal, the ledger.

    python bench/evals.py [--samples N] [--concurrency N] [--rounds N]

Prints milliseconds a step (a model call with what comes of it), and what memory grew by from the
first tenth of the samples to the last. Ends with 1 where the run takes 3 ms a step or more beside
the model, or its memory grows by more than 20 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.counting_suite import Counting, CountingModel

from lean_agent import Account, Agent, Budget, Ledger
from lean_agent.ledger.budget import Amount
from lean_agent.models.pricing import PriceTable
from lean_agent_evals.arms import arm_named
from lean_agent_evals.config import RunConfig
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder
from lean_agent_evals.runner import evaluate

LIMIT = Budget(steps=8, tokens=10_000)
TARGET_MS = 3.0
TARGET_MB = 20.0


def resident_mb() -> float:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class Memory:
    """An observer that looks at the memory after the first tenth and at the end."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self._total = self._done = 0

    def began(self, total: int, over: Sequence[Outcome]) -> None:
        self._total = total

    def ended(self, outcome: Outcome, spent: Amount) -> None:
        assert outcome.passed
        self._done += 1
        if self._done in (self._total // 10, self._total):
            self.seen.append(resident_mb())

    def note(self, line: str) -> None:
        raise AssertionError(line)


async def whole(folder: Path, samples: int, concurrency: int) -> tuple[float, float]:
    """Milliseconds a step, and megabytes that memory grew by."""
    model, memory = CountingModel(), Memory()
    config = RunConfig(
        suite="counting",
        arms=("agent",),
        model=model.name,
        concurrency=concurrency,
        sample_budget=LIMIT,
        budget=Budget(tokens=10**9),
    )
    started = time.perf_counter()
    await evaluate(
        config,
        ResultsFolder(folder),
        suite=Counting(samples),
        model=model,
        arms=[arm_named("agent")],
        observer=memory,
    )
    first, last = memory.seen
    return 1_000 * (time.perf_counter() - started) / model.calls, last - first


async def bare(folder: Path, samples: int, concurrency: int) -> float:
    """The same agents by themselves: milliseconds a step."""
    model, suite = CountingModel(), Counting(samples)
    tasks = iter(suite.tasks("dev"))
    ledger, prices, account = Ledger(folder), PriceTable(), Account(Budget(tokens=10**9))

    async def work() -> None:
        for task in tasks:
            with suite.open(task) as visit:
                agent = Agent(
                    model=model,
                    tools=visit.tools,
                    budget=LIMIT,
                    mode="agent",
                    instructions=visit.instructions,
                    ledger=ledger,
                    prices=prices,
                    account=account,
                    seed=0,
                )
                assert visit.score(await agent.run(task.question, task_id=task.id)).passed

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    ledger.close()
    return 1_000 * (time.perf_counter() - started) / model.calls


async def main() -> int:
    """Print the medians; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Overhead of running a suite")
    parser.add_argument("--samples", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    size = (arguments.samples, arguments.concurrency)
    runs: list[float] = []
    grown: list[float] = []
    agents: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        await whole(Path(name, "first"), 20, 10)  # what is loaded once
        for number in range(arguments.rounds):
            agents.append(await bare(Path(name, f"bare-{number}"), *size))
            took, more = await whole(Path(name, f"run-{number}"), *size)
            runs.append(took)
            grown.append(more)
    run, agent, memory = (statistics.median(values) for values in (runs, agents, grown))
    print(f"{size[0]} samples, {size[1]} at a time, medians of {arguments.rounds}, ms a step")
    print(f"agents by themselves   {agent:6.2f}")
    print(
        f"the same in a run      {run:6.2f}   adds {run - agent:+.2f} (target below {TARGET_MS:g})"
    )
    print(
        f"memory grew by {memory:.1f} MB from the first tenth to the last (at most {TARGET_MB:g})"
    )
    return int(run >= TARGET_MS or memory > TARGET_MB)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
