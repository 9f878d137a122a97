from __future__ import annotations

from pathlib import Path

import pytest

from lean_agent.gate import Signals
from lean_agent.gating.calibrated import CalibratedGate
from lean_agent.gating.own_runs import learned_from
from lean_agent.gating.profile import Profile
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.ledger.outcomes import RunDid, read_outcomes, record_outcome

STOCK = Signals(task="How many M5 bolts are in stock?", tools=frozenset({"stock"}))
NOTHING = Profile(model="m", source="", tallies={})


def did(way: str, cost: float) -> RunDid:
    return RunDid(model="m", way=way, kinds=task_kinds(STOCK), cost=cost)


def test_ones_own_tools_are_learned_from_ones_own_runs() -> None:
    assert CalibratedGate(NOTHING).decide(STOCK).predictions == ()
    runs = [(did("agent", 900), True)] * 5 + [(did("instant", 50), False)] * 5
    profile = learned_from(NOTHING, runs, source="10 own runs")
    decision = CalibratedGate(profile).decide(STOCK)
    assert (decision.mode, len(decision.predictions)) == ("agent", 2)
    assert profile.source == "10 own runs"
    both_pass = [(did(way, cost), True) for way, cost in [("agent", 900), ("instant", 50)] * 5]
    cheap = learned_from(NOTHING, both_pass, source="10 own runs")
    assert CalibratedGate(cheap).decide(STOCK).mode == "instant"


def test_runs_are_added_to_what_was_known_and_weights_go() -> None:
    known = learned_from(NOTHING, [(did("agent", 100), True)] * 5, source="calibration")
    known = Profile(
        model="m", source="calibration", tallies=known.tallies, weights={"agent": {"(bias)": 9.0}}
    )
    both = learned_from(known, [(did("agent", 200), False)], source="1 own run")
    tally = both.tallies[task_kinds(STOCK)[1]]["agent"]
    assert (tally.tried, tally.passed, tally.cost) == (6, 5, 700)
    assert both.weights == {}
    assert both.source == "calibration; 1 own run"


def test_a_way_without_a_threshold_is_left_out() -> None:
    profile = learned_from(NOTHING, [(did("instant>agent", 100), True)], source="s")
    assert profile.tallies == {}


def test_a_judgement_keeps_what_the_run_did_and_not_what_was_asked(tmp_path: Path) -> None:
    record_outcome("run", True, "person", did=did("agent", 12.5), folder=tmp_path)
    (outcome,) = read_outcomes(tmp_path)
    assert outcome.did == did("agent", 12.5)
    assert "bolts" not in (tmp_path / "outcomes.jsonl").read_text()


def test_what_a_rule_is_certain_about_teaches_nothing() -> None:
    chat = RunDid(model="m", way="instant", kinds=("", "stock", "stock | small talk"), cost=5)
    profile = learned_from(NOTHING, [(did("plan", 0), True), (chat, True)], source="s")
    assert profile.tallies == {}


def test_small_talk_is_certain_whomever_it_names() -> None:
    greeting = Signals(
        task="Hello Alice", tools=frozenset({"search"}), has_files=True, names_held=False
    )
    met = RunDid(model="m", way="instant", kinds=task_kinds(greeting), cost=5)
    assert learned_from(NOTHING, [(met, True)], source="s").tallies == {}


@pytest.mark.parametrize(("way", "cost"), [("agent", float("nan")), ("guess", 1.0), ("agent>", 1)])
def test_what_no_run_can_have_done_is_no_outcome(tmp_path: Path, way: str, cost: float) -> None:
    record_outcome("run", True, "person", did=did(way, cost), folder=tmp_path)
    assert read_outcomes(tmp_path) == []
