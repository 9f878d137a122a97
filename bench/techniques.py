"""What each technique saves alone, and pairs of them together, on development tasks.

    python bench/techniques.py DATA [--model NAME] [--count N] [--arms ARM,...] [--out DIR]

Every arm attempts the same tasks of the suite ``mixed`` in DATA (docs/data.md). An arm is where it
begins, ``agent`` or ``reason`` with none of the techniques, and what is added:

    gate        mode auto: the model's profile or the free rules choose
    sure        the model's log-probabilities are looked at: a sure answer or draft ends the work,
                an unsure one goes on
    foreseen    agents begin with the calls that their task is sure to want
    planners    search problems go to a planner (in mode auto)
    vote, outline, early-stop    ways to reason

Says for each arm what it passes and costs, beside its beginning with paired 95 % intervals; and
for a pair of techniques that were also tried alone, whether together they are worth what they are
alone, multiplied. What was begun is gone on with: run it again, with more arms or tasks if need be.
Costs are token units; a failure is priced at ten times what ``agent`` costs. The tasks of the test
are not touched.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from lean_agent import (
    Budget,
    ConfigurationError,
    Message,
    Model,
    RunContext,
    RunResult,
    Tool,
    ToolSpec,
)
from lean_agent._semconv import Mode
from lean_agent.agent import DEFAULT_MODEL
from lean_agent.gate import Gate, GateDecision, Signals, Way
from lean_agent.gating.calibrated import CalibratedGate
from lean_agent.gating.profiles import found_profile
from lean_agent.gating.rules import RuleGate
from lean_agent.model import ModelCard, ModelRequest, ModelResponse, StreamEvent
from lean_agent.models.registry import resolve_model
from lean_agent_evals.arms import Means, run_agent
from lean_agent_evals.cli.watching import Watch
from lean_agent_evals.compare import Change, compare
from lean_agent_evals.config import RunConfig
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import evaluate

ALONE = (
    "agent", "agent+gate", "agent+sure", "agent+foreseen",
    "reason", "reason+vote", "reason+outline", "reason+early-stop",
)  # fmt: skip
PAIRS = (
    "agent+gate+sure", "agent+gate+foreseen", "agent+gate+planners", "agent+gate+vote",
    "agent+gate+early-stop", "agent+sure+foreseen", "reason+vote+early-stop",
    "reason+outline+early-stop",
)  # fmt: skip
TECHNIQUES = {"gate", "sure", "foreseen", "planners", "vote", "outline", "early-stop"}
FIGURES = ("pass_rate", "cost", "cost_of_pass", "failure_priced_cost")


class WithoutLogprobs:
    """A model that nobody can ask how sure it is."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.card: ModelCard = replace(model.card, logprobs=False)

    async def generate(self, request: ModelRequest) -> ModelResponse:
        return await self._model.generate(request)

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        return self._model.stream(request)

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return await self._model.count_tokens(messages, tools)

    async def aclose(self) -> None:
        await self._model.aclose()


class WithoutGoingOn:
    """The gate that the model has, without ways that go by how sure an answer is."""

    def __init__(self, model: str) -> None:
        profile = found_profile(model)
        self._gate: Gate = RuleGate()
        if profile is not None:
            plain = {
                kind: {way: tally for way, tally in ways.items() if ">" not in way}
                for kind, ways in profile.tallies.items()
            }
            self._gate = CalibratedGate(replace(profile, tallies=plain))

    def decide(self, signals: Signals) -> GateDecision:
        found = self._gate.decide(signals)
        return replace(found, way=Way(mode=found.way.then)) if found.way.then else found


class Unforeseen:
    """A tool that foresees no calls."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self.spec: ToolSpec = tool.spec

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        return await self._tool.call(arguments, ctx)


def unforeseen(tool: Tool) -> Tool:
    """The tool itself where it may tell more than what it foresees."""
    return Unforeseen(tool) if tool.spec.name == "read_file" else tool


@dataclass(frozen=True, slots=True)
class TechniqueArm:
    """``name`` is where it begins, then the techniques, with + between."""

    name: str

    @property
    def begins(self) -> str:
        return self.name.partition("+")[0]

    @property
    def techniques(self) -> frozenset[str]:
        return frozenset(self.name.split("+")[1:])

    @property
    def probes(self) -> bool:
        return self.begins == "agent"

    def most_calls(self, steps: int) -> int:
        return steps

    @property
    def reasoning(self) -> str:
        used = self.techniques
        way = "vote" if "vote" in used else "outline" if "outline" in used else "plain"
        return f"{way}+early-stop" if "early-stop" in used else way

    async def attempt(self, question: str, means: Means) -> RunResult:
        used = self.techniques
        model = means.model if "sure" in used else WithoutLogprobs(means.model)
        tools = means.tools if "foreseen" in used else [*map(unforeseen, means.tools)]
        forced: Mode = "agent" if self.probes else "reason"
        return await run_agent(
            question,
            replace(means, model=model, tools=tools),
            mode="auto" if "gate" in used else forced,
            reasoning=self.reasoning,
            planners=None if "planners" in used else (),
            gate=None if "sure" in used else WithoutGoingOn(means.model.name),
        )


async def attempts(given: argparse.Namespace, arms: Sequence[TechniqueArm]) -> list[Outcome]:
    """What every attempt came to; those that are over are not made again."""
    suite = f"mixed:{given.data}"
    config = RunConfig(
        suite=suite,
        split="dev",
        count=given.count,
        arms=tuple(arm.name for arm in arms),
        model=given.model,
        sample_budget=Budget(steps=8, tokens=8_000),
    )
    watch = Watch()
    try:
        end = await evaluate(
            config,
            ResultsFolder(given.out),
            suite=open_suite(suite),
            model=resolve_model(given.model),
            arms=arms,
            observer=watch,
        )
    finally:
        watch.close()
    if end.counting < end.total:
        raise SystemExit(f"{given.out}: {end.why}, {end.counting} of {end.total}; run it again")
    return list(read_outcomes(given.out).values())


def told(change: Change) -> str:
    ratio = change.ratio
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return "-"
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def priced(figures: Mapping[str, Change]) -> float | None:
    return figures["failure_priced_cost"].ratio.value


def tell(outcomes: Sequence[Outcome], arms: Sequence[TechniqueArm]) -> None:
    of = {arm.name: [one for one in outcomes if one.arm == arm.name] for arm in arms}
    agent = compare(of["agent"], of["agent"], unit="token_units", figures=FIGURES)
    price = 10 * (agent.figures["cost"].new.value or 0.0)
    found: dict[str, Mapping[str, Change]] = {}
    print(f"\n{agent.tasks} tasks; a failure is priced at {price:,.0f} token units\n")
    print("| arm | passed | cost | cost of a pass, to where it begins | failure-priced, the same |")
    print("|---|---:|---:|---:|---:|")
    for arm in arms:
        against = compare(
            of[arm.name], of[arm.begins], unit="token_units", failure_cost=price, figures=FIGURES
        )
        found[arm.name] = figures = against.figures
        passed, cost = figures["pass_rate"].new.value or 0.0, figures["cost"].new.value or 0.0
        cells = [f"{passed:.0%}", f"{cost:,.0f}"]
        cells += [told(figures[name]) for name in ("cost_of_pass", "failure_priced_cost")]
        print(f"| {arm.name} | {' | '.join(cells)} |")
    for arm in arms:
        alone = [found.get(f"{arm.begins}+{one}") for one in sorted(arm.techniques)]
        apart = [value for one in alone if one and (value := priced(one)) is not None]
        if len(alone) == len(apart) == 2:
            told_apart = f"{prod(apart):.2f} if each did its own"
            print(f"{arm.name}: {priced(found[arm.name]):.2f} together, {told_apart}")


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--count", type=int, default=36, help="tasks, six kinds in turn")
    parser.add_argument("--arms", default=",".join((*ALONE, *PAIRS)))
    parser.add_argument("--out", type=Path, default=Path("results/techniques"))
    given = parser.parse_args()
    arms = [TechniqueArm(name) for name in given.arms.split(",")]
    for arm in arms:
        if arm.begins not in {"agent", "reason"} or not arm.techniques <= TECHNIQUES:
            parser.error(
                f"{arm.name!r}: an arm is agent or reason, then techniques of: "
                f"{', '.join(sorted(TECHNIQUES))}"
            )
    if not {"agent", *(arm.begins for arm in arms)} <= {arm.name for arm in arms}:
        parser.error("agent, and where each arm begins, must be among the arms")
    try:
        tell(await attempts(given, arms), arms)
    except ConfigurationError as error:
        parser.error(error.message)


if __name__ == "__main__":
    asyncio.run(main())
