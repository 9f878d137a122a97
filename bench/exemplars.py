"""Do solved examples pay? Agents with none, random and filtered ones, on development tasks.

    python bench/exemplars.py [--suites gaia-like,webshop-like] [--pool N] [--count N] [--out DIR]

First the model attempts N tasks of one seed without examples; what it did is the pool. Then every
arm attempts N tasks of another seed, under the same cap of tokens an attempt, examples included:
none; random, drawn from the whole pool; filtered, chosen as ``Exemplars`` does. What was begun is
gone on with: run it again. Costs are token units, intervals paired 95 % bootstrap intervals. It
says whether filtered examples may be the default: only where in every suite the whole interval of
their cost of a pass, beside none, is at most 1. The tasks of the test are not touched.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lean_agent import Budget, RunResult
from lean_agent.agent import DEFAULT_MODEL
from lean_agent.models.registry import resolve_model
from lean_agent.trajectory import depo
from lean_agent.trajectory.exemplar_text import told
from lean_agent.trajectory.exemplars import (
    MOST,
    TOKENS,
    Exemplar,
    Exemplars,
    ExemplarSource,
    fitting,
)
from lean_agent.trajectory.exporting.conversation import unfit
from lean_agent.trajectory.filtering import Filter
from lean_agent.trajectory.importers import IMPORTERS
from lean_agent.trajectory.record import Trajectory
from lean_agent_evals.arms import Means, run_agent
from lean_agent_evals.cli.watching import Watch
from lean_agent_evals.compare import Comparison, compare
from lean_agent_evals.config import RunConfig
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import evaluate

NONE, RANDOM, FILTERED = ARMS = ("none", "random", "filtered")
ASKED_SEED, POOL_SEED = 0, 1
FIGURES = (
    "pass_rate", "score", "cost", "cost_of_pass", "T@All", "T@Succ", "S@All", "S@Succ",
    "uncached@All", "cached@All",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same for all arms of a suite; ``good`` is the reward of a desirable attempt."""

    suite: str
    good: float
    steps: int
    tokens: int


KINDS = {
    kind.suite: kind
    for kind in (
        Kind("gaia-like", depo.GOOD, 8, 12_000),
        Kind("webshop-like", depo.GOOD_SHOPPING, 12, 24_000),
    )
}


@dataclass(frozen=True, slots=True)
class ExemplarArm:
    """Agent mode with examples from somewhere."""

    name: str
    source: ExemplarSource | None = None

    @property
    def probes(self) -> bool:
        return True

    def most_calls(self, steps: int) -> int:
        return steps

    async def attempt(self, question: str, means: Means) -> RunResult:
        return await run_agent(question, means, mode="agent", exemplars=self.source)


class RandomExemplars:
    """As many as fit of all that were recorded, whatever came of them; the same for a task."""

    def __init__(self, pool: Iterable[Trajectory]) -> None:
        self._all = [Exemplar.of(found) for found in pool if unfit(found) is None]

    def choose(self, task: str) -> Sequence[Exemplar]:
        def draw(example: Exemplar) -> bytes:
            return hashlib.sha256(f"{task}\0{example.id}".encode()).digest()

        chosen = fitting(sorted(self._all, key=draw), TOKENS, MOST)
        return sorted(chosen, key=lambda example: example.id)

    async def told(self, task: str) -> str:
        return told(example.text for example in self.choose(task))


async def attempts(
    kind: Kind, model: str, folder: Path, arms: Sequence[ExemplarArm], *, seed: int, count: int
) -> list[Outcome]:
    """What every attempt came to; those that are over are not made again."""
    config = RunConfig(
        suite=kind.suite,
        split="dev",
        seed=seed,
        count=count,
        arms=tuple(arm.name for arm in arms),
        model=model,
        sample_budget=Budget(steps=kind.steps, tokens=kind.tokens),
    )
    watch = Watch()
    try:
        end = await evaluate(
            config,
            ResultsFolder(folder),
            suite=open_suite(kind.suite),
            model=resolve_model(model),
            arms=arms,
            observer=watch,
        )
    finally:
        watch.close()
    if end.counting < end.total:
        raise SystemExit(f"{folder}: {end.why}, {end.counting} of {end.total}; run it again")
    return list(read_outcomes(folder).values())


def pool_of(folder: Path) -> list[Trajectory]:
    read = IMPORTERS["evals"].read(folder / "trajectories.jsonl")
    return [found for found in read if isinstance(found, Trajectory)]


async def measured(kind: Kind, given: argparse.Namespace) -> dict[str, Any]:
    out: Path = given.out / kind.suite
    recorded = out / f"pool-{given.pool}"
    await attempts(
        kind, given.model, recorded, [ExemplarArm(NONE)], seed=POOL_SEED, count=given.pool
    )
    pool = pool_of(recorded)
    keep = Filter(desirable_only=True, good=kind.good)
    filtered = Exemplars(pool, keep=keep)
    arms = [
        ExemplarArm(NONE),
        ExemplarArm(RANDOM, RandomExemplars(pool)),
        ExemplarArm(FILTERED, filtered),
    ]
    asked = out / f"asked-{given.pool}"  # another pool gives other examples
    outcomes = await attempts(kind, given.model, asked, arms, seed=ASKED_SEED, count=given.count)
    by_arm = {name: [o for o in outcomes if o.arm == name] for name in ARMS}
    tasks = open_suite(kind.suite).tasks("dev", seed=ASKED_SEED, count=given.count)
    chosen = [filtered.choose(task.question) for task in tasks]
    pairs = ((FILTERED, NONE), (RANDOM, NONE), (FILTERED, RANDOM))
    return {
        "suite": kind.suite,
        "model": given.model,
        "pool": len(pool),
        "pool_passed": sum(bool(found.passed) for found in pool),
        "pool_kept": sum(keep.judge(found) == "kept" for found in pool),
        "tasks_with_examples": sum(bool(found) for found in chosen),
        "comparisons": {f"{new} / {old}": compared(by_arm[new], by_arm[old]) for new, old in pairs},
    }


def compared(new: Sequence[Outcome], old: Sequence[Outcome]) -> dict[str, Any]:
    found: Comparison = compare(new, old, unit="token_units", figures=FIGURES)
    return {
        "tasks": found.tasks,
        "pass_rate": asdict(found.pass_rate),
        "figures": {name: asdict(change) for name, change in found.figures.items()},
    }


def number(estimate: dict[str, float | None]) -> str:
    if estimate["value"] is None:
        return "-"
    low, high = estimate["low"], estimate["high"]
    ends = "" if low is None or high is None else f" ({low:,.3g} to {high:,.3g})"
    return f"{estimate['value']:,.4g}{ends}"


def tell(report: dict[str, Any]) -> None:
    print(
        f"\n{report['suite']}, {report['model']}: a pool of {report['pool']} attempts, of which "
        f"{report['pool_passed']} passed and {report['pool_kept']} may be examples; of the tasks "
        f"{report['tasks_with_examples']} get filtered ones\n"
    )
    for pair, found in report["comparisons"].items():
        new, _, old = pair.partition(" / ")
        print(f"| {found['tasks']} tasks | {new} | {old} | {pair} |\n|---|---:|---:|---:|")
        for name, change in found["figures"].items():
            cells = (number(change[part]) for part in ("new", "old", "ratio"))
            print(f"| {name} | {' | '.join(cells)} |")
        print(f"pass rate: {found['pass_rate']['verdict']}\n")


def pays(report: dict[str, Any]) -> bool:
    """Whether filtered examples are certain to cost no more a pass than none."""
    ratio = report["comparisons"][f"{FILTERED} / {NONE}"]["figures"]["cost_of_pass"]["ratio"]
    return ratio["high"] is not None and ratio["high"] <= 1


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suites", default=",".join(KINDS))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--pool", type=int, default=60, help="attempts that examples come from")
    parser.add_argument("--count", type=int, default=30, help="tasks of each suite")
    parser.add_argument("--out", type=Path, default=Path("results/exemplars"))
    given = parser.parse_args()
    reports = [await measured(KINDS[name], given) for name in given.suites.split(",")]
    for report in reports:
        tell(report)
    (given.out / "report.json").write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
    verdict = FILTERED if all(pays(report) for report in reports) else NONE
    print(f"the default should be: {verdict}")


if __name__ == "__main__":
    asyncio.run(main())
