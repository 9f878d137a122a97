"""Ways to reason as arms of a run."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path

import pytest
from support.eval_runs import Silent

from lean_agent import ConfigurationError, ModelRequest
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals import report
from lean_agent_evals.arms import ReasonArm, arm_named
from lean_agent_evals.config import RunConfig
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import RunEnd, evaluate
from lean_agent_evals.suites.gsm8k import GSM8K

HELD = ModelCard(action_format="schema", self_hosted=True, grammar=True)
PLAN = json.dumps(
    {"parts": [{"question": q, "needs": n, "credits": 50} for q, n in (("a?", []), ("b?", [1]))]}
)
ARMS = ("reason/plain", "reason/plain@300+early-stop", "reason/credits@300")


@pytest.mark.parametrize(
    ("name", "steps", "calls"),
    [
        ("reason/plain", 20, 2),
        ("reason/plain@450+early-stop", 20, 2),
        ("reason/outline@450", 20, 3),
        ("reason/credits@450", 20, 7),
        ("reason/uniform", 3, 4),
    ],
)
def test_an_arm_names_how_to_reason(name: str, steps: int, calls: int) -> None:
    arm = arm_named(name)
    assert arm == ReasonArm(name.removeprefix("reason/"))
    assert (arm.name, arm.probes, arm.most_calls(steps)) == (name, False, calls)
    assert pickle.loads(pickle.dumps(arm)) == arm, "workers are sent it"


@pytest.mark.parametrize("name", ["reason/clever", "reason/", "reason/plain@many"])
def test_an_unknown_way_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="reason"):
        arm_named(name)


class Answering:
    """Answers as it is asked, and tells ``asked`` of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.first_part = asyncio.Event()
        self.model = ScriptedModel([self._say] * 99, card=HELD)

    def _say(self, request: ModelRequest) -> str:
        if request.response_schema is not None:
            self.asked.append("plan")
            return PLAN
        last = request.messages[-1].content
        whole = last.startswith("With that")  # the task, in place of the last part
        self.asked.append("whole" if whole else "a" if "a?" in last else "plain")
        if self.asked[-1] == "a":
            self.first_part.set()
        return "It is 1." if self.asked[-1] == "a" else "So\nAnswer: 18"


async def run(
    folder: Path, answering: Answering, arms: tuple[str, ...], stop: asyncio.Event | None = None
) -> RunEnd:
    questions = folder / "questions.json"
    questions.write_text(json.dumps([{"input": f"{n} eggs?", "target": 18} for n in range(12)]))
    suite = GSM8K(questions)
    config = RunConfig(
        suite="gsm8k", split="dev", count=1, arms=arms, model=answering.model.name, concurrency=1
    )
    return await evaluate(
        config,
        ResultsFolder(folder / "results"),
        suite=suite,
        model=answering.model,
        arms=[arm_named(name) for name in arms],
        observer=Silent(),
        stop=stop,
    )


@pytest.mark.slow
async def test_arms_are_run_scored_and_reported(tmp_path: Path) -> None:
    end = await run(tmp_path, Answering(), ARMS)
    assert (end.why, end.counting, end.failed) == ("complete", 3, 0)
    found = {key.arm: outcome for key, outcome in read_outcomes(tmp_path / "results").items()}
    assert {arm: (o.ending, o.steps) for arm, o in found.items()} == {
        "reason/plain": ("answered", 1),
        "reason/plain@300+early-stop": ("answered", 1),
        "reason/credits@300": ("answered", 2),
    }
    report.write(tmp_path / "results")
    told = (tmp_path / "results" / "report.md").read_text()
    assert all(arm in told for arm in ARMS)
    assert "E3" in told


@pytest.mark.slow
async def test_an_attempt_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Answering()
    end = await run(tmp_path, first, ("reason/credits",), stop=first.first_part)
    assert end.why == "interrupted"
    again = Answering()
    end = await run(tmp_path, again, ("reason/credits",))
    assert (end.why, end.counting) == ("complete", 1)
    assert [*first.asked, *again.asked] == ["plan", "a", "whole"], "each is asked once"
