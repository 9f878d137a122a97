"""``lean-agent gate`` on a run that was written down by hand: no model is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import Ended, in_process
from support.outcomes import outcome

from lean_agent.gate import Signals
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.ledger.outcomes import RunDid, record_outcome
from lean_agent_evals.calibrating import calibrated_modes
from lean_agent_evals.config import RunConfig
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder

MODEL = "openai:tested"
ASKED = "Ann has {} nuts and eats 2. How many are left?"  # which the rules take for reason


def written(folder: Path, *, instant: bool, number: int = 80) -> Path:
    """A run of a suite of one kind of question, half of which are development tasks."""
    questions = folder / "questions.jsonl"
    lines = [{"question": ASKED.format(n), "answer": str(n - 2)} for n in range(3, 3 + number)]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite = f"jsonl:{questions}"
    results = ResultsFolder(folder / "run")
    results.write_config(RunConfig(suite=suite, arms=("instant", "reason", "agent"), model=MODEL))
    for task in open_suite(suite).tasks("dev"):
        for arm, tokens, passed in (("instant", 5, instant), ("reason", 60, True)):
            results.append(
                outcome(task.id, arm=arm, tokens=tokens, passed=passed), {"confidence": 0.9}
            )
    return results.path


def gate(folder: Path, *arguments: str) -> Ended:
    return in_process("gate", *arguments, folder=folder)


@pytest.mark.slow
def test_a_profile_that_is_worth_it_is_kept_and_used(tmp_path: Path) -> None:
    run = written(tmp_path, instant=True)
    fitted = gate(tmp_path, "fit", str(run), "--json").json
    assert fitted["better_than_rules"] is True
    worths = fitted["cross_validated"]
    assert worths["calibrated"]["priced"] < worths["rules"]["priced"]
    assert worths["calibrated"]["pass_rate"] == worths["rules"]["pass_rate"] == 1.0
    assert Path(fitted["kept"]).is_relative_to(tmp_path / "config")
    question = ASKED.format(99)
    found = gate(tmp_path, "explain", question, "--model", MODEL, "--json").json
    assert found["mode"] == "instant"
    assert {one["way"] for one in found["predictions"]} >= {"instant", "reason"}
    shown = gate(tmp_path, "explain", question, "--model", MODEL)
    assert "COST OF A PASS" in shown.out
    other = gate(tmp_path, "explain", question, "--model", "openai:other", "--json").json
    assert (other["mode"], other["predictions"]) == ("reason", [])


@pytest.mark.slow
def test_a_new_run_judges_the_profile_in_force(tmp_path: Path) -> None:
    run = written(tmp_path, instant=True)
    first = gate(tmp_path, "fit", str(run), "--json").json
    assert first["in_force"] is None
    (tmp_path / "later").mkdir()
    later = written(tmp_path / "later", instant=False)
    found = gate(tmp_path, "fit", str(later), "--json", "--dry-run").json
    assert found["in_force"]["pass_rate"] == 0.0  # it answers instantly, which passes no more
    assert found["cross_validated"]["rules"]["pass_rate"] == 1.0
    assert "in force" in gate(tmp_path, "fit", str(later), "--dry-run").out
    Path(first["kept"]).write_text("{")
    assert gate(tmp_path, "fit", str(later), "--json").json["in_force"] is None


@pytest.mark.slow
def test_where_the_rules_do_as_well_no_profile_is_kept(tmp_path: Path) -> None:
    run = written(tmp_path, instant=False)
    ended = gate(tmp_path, "fit", str(run))
    assert ended.code == 0
    assert "the free rules do as well" in ended.err
    assert not list((tmp_path / "config").rglob("*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("few", [20])
def test_few_tasks_are_too_few_unless_a_file_is_named(tmp_path: Path, few: int) -> None:
    run = written(tmp_path, instant=True, number=few)
    assert gate(tmp_path, "fit", str(run), "--json").json["kept"] is None
    out = tmp_path / "shipped.json"
    assert gate(tmp_path, "fit", str(run), "--out", str(out), "--json").json["kept"] == str(out)
    assert json.loads(out.read_text())["model"] == MODEL


def test_a_dry_run_keeps_nothing(tmp_path: Path) -> None:
    run = written(tmp_path, instant=True)
    assert gate(tmp_path, "fit", str(run), "--dry-run", "--json").json["kept"] is None
    assert not (tmp_path / "config").exists()


def test_what_is_no_run_is_refused_in_a_line(tmp_path: Path) -> None:
    ended = gate(tmp_path, "fit", str(tmp_path / "nothing"))
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) <= 2


def test_a_broken_profile_is_named(tmp_path: Path) -> None:
    run = written(tmp_path, instant=True)
    kept = Path(gate(tmp_path, "fit", str(run), "--json").json["kept"])
    kept.write_text("{")
    ended = gate(tmp_path, "explain", "hello", "--model", MODEL)
    assert ended.code == 2
    assert str(kept) in ended.err


def test_own_runs_are_counted_in(tmp_path: Path) -> None:
    ended = gate(tmp_path, "fit", "--own", "--model", MODEL)
    assert (ended.code, "/good" in ended.err) == (2, True)
    folder = tmp_path / "data" / "lean-agent" / "ledger"
    signals = Signals(task=ASKED.format(9), tools=frozenset({"calculator", "plan", "python"}))
    for number in range(6):
        for way, cost in (("instant", 20.0), ("reason", 240.0)):
            did = RunDid(model=MODEL, way=way, kinds=task_kinds(signals), cost=cost)
            record_outcome(f"{way}{number}", True, "person", did=did, folder=folder)
    fitted = gate(tmp_path, "fit", "--own", "--model", MODEL, "--json").json
    assert fitted == {"model": MODEL, "source": "12 own runs", "own_runs": 12}
    explained = gate(tmp_path, "explain", ASKED.format(50), "--model", MODEL, "--json").json
    assert explained["mode"] == "instant"
    again = gate(tmp_path, "fit", "--own", "--model", MODEL)
    assert (again.code, "since the last fit" in again.err) == (2, True), "each is counted once"


def test_where_no_tool_is_offered_agent_is_not_tried(tmp_path: Path) -> None:
    questions = tmp_path / "gsm8k.jsonl"
    lines = [{"question": ASKED.format(n), "answer": f"#### {n - 2}"} for n in range(3, 9)]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, modes in (
        ("gsm8k", ("instant", "reason")),
        ("jsonl", ("instant", "reason", "agent")),
    ):
        suite = open_suite(f"{name}:{questions}")
        assert calibrated_modes(suite, suite.tasks("dev")) == modes


def test_nothing_to_fit_to_is_said(tmp_path: Path) -> None:
    ended = gate(tmp_path, "fit")
    assert (ended.code, "--own" in ended.err) == (2, True)
