"""The arms of bench/techniques.py: each has what its name says, and nothing else of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.baseline_runs import means
from support.scripted_runs import ANSWER, SEARCH, said, searching

from bench.techniques import ALONE, PAIRS, TECHNIQUES, TechniqueArm, WithoutGoingOn
from lean_agent.gate import Signals
from lean_agent.gating.profiles import gate_for
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel
from lean_agent_tools.read_file import read_file

CARD = ModelCard(action_format="schema", self_hosted=True, logprobs=True)
SURE = said("29.8", -0.01)
TASK = "Who leads Oxbow Mills?"


@pytest.mark.parametrize(("name", "steps"), [("agent", 3), ("agent+sure", 2)])
async def test_only_where_it_is_looked_at_a_sure_draft_ends_the_work(
    tmp_path: Path, name: str, steps: int
) -> None:
    script = [SEARCH, SURE] if steps == 2 else [SEARCH, ANSWER, SURE]
    model = ScriptedModel(script, card=CARD)
    result = await TechniqueArm(name).attempt("When?", means(model, tmp_path, [searching([])]))
    assert (result.output, result.steps) == ("29.8", steps)
    assert any(sent.top_logprobs for sent in model.requests) == (name == "agent+sure")


@pytest.mark.parametrize("name", ["agent", "agent+foreseen"])
async def test_only_where_it_is_foreseen_a_named_file_is_read_first(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "melting.txt").write_text("Gallium: 29.8\n")
    model = ScriptedModel([ANSWER, "29.8"], card=CARD)
    given = means(model, tmp_path / "ledger", [read_file], roots=[tmp_path])
    result = await TechniqueArm(name).attempt("What does melting.txt say?", given)
    assert [step.foreseen for step in result.trajectory] == ([True] if "+" in name else [])


async def test_with_a_gate_the_mode_is_chosen(tmp_path: Path) -> None:
    model = ScriptedModel(["Hello."], card=CARD)
    given = means(model, tmp_path, [searching([])])
    result = await TechniqueArm("agent+gate").attempt("hello", given)
    assert result.mode == "instant"


@pytest.mark.parametrize(
    ("name", "reasoning"),
    [
        ("reason", "plain"),
        ("reason+vote", "vote"),
        ("reason+outline+early-stop", "outline+early-stop"),
        ("agent+gate+early-stop", "plain+early-stop"),
    ],
)
def test_a_way_to_reason_is_named(name: str, reasoning: str) -> None:
    assert TechniqueArm(name).reasoning == reasoning


def test_eight_pairs_each_of_two_techniques() -> None:
    arms = [TechniqueArm(name) for name in (*ALONE, *PAIRS)]
    assert all(arm.techniques <= TECHNIQUES for arm in arms)
    assert [len(TechniqueArm(name).techniques) for name in PAIRS] == [2] * 8
    assert {arm.begins for arm in arms} <= {arm.name for arm in arms}


@pytest.mark.parametrize(
    ("model", "signals"),
    [
        (
            "local:qwen2.5-coder-1.5b",
            Signals(task=TASK, tools=frozenset({"search", "calculator", "open_page"})),
        ),
        (
            "of no profile",
            Signals(task=TASK, tools=frozenset({"search"}), has_files=True, names_held=False),
        ),
    ],
    ids=["by a profile", "by the rules"],
)
def test_a_gate_that_is_told_nothing_of_sureness_does_not_go_by_it(
    model: str, signals: Signals
) -> None:
    assert gate_for(model).decide(signals).way.then is not None
    assert WithoutGoingOn(model).decide(signals).way.then is None
