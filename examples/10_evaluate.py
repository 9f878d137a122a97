"""What does a right answer to your own questions cost, with tools and without?

    python examples/10_evaluate.py [FILE]

The file has one {"question", "answer", "files"} a line. `lean-agent eval` also writes reports.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lean_agent import Agent, Budget, exit_on_error
from lean_agent.ledger.budget import Amount
from lean_agent_evals.arms import arm_named
from lean_agent_evals.config import RunConfig
from lean_agent_evals.figures import summarise
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import evaluate
from lean_agent_evals.suites.jsonl import JsonLines

ARMS = ("instant", "agent")


class Watch:
    """Says how far the run is."""

    def began(self, total: int, over: Sequence[Outcome]) -> None:
        print(total, "attempts")

    def ended(self, outcome: Outcome, spent: Amount) -> None:
        print(f"{outcome.task_id} {outcome.arm}: {outcome.ending}, {spent.tokens} tokens so far")

    def note(self, line: str) -> None:
        print(line)


def main(file: Path) -> None:
    """Try each question in each mode, then say what a pass costs, in token units."""
    model = Agent().model
    arms = [arm_named(name) for name in ARMS]
    cap = Budget(tokens=60_000)
    config = RunConfig(suite=f"jsonl:{file}", arms=ARMS, model=model.name, budget=cap)
    with tempfile.TemporaryDirectory() as folder:
        work = ResultsFolder(Path(folder))
        suite, watch = JsonLines(file), Watch()
        run = evaluate(config, work, suite=suite, model=model, arms=arms, observer=watch)
        print("the run:", asyncio.run(run).why)
        outcomes = read_outcomes(work.path).values()
    for name in ARMS:
        found = [outcome for outcome in outcomes if outcome.arm == name]
        figures = summarise(found, unit="token_units").figures
        print(f"{name}: {figures['pass_rate']:.0%} right, {figures['cost_of_pass']:.0f} a pass")


if __name__ == "__main__":
    with exit_on_error():
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "questions.jsonl")
