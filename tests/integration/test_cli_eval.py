"""``lean-agent eval`` as users run it, on a server that answers at once, and on the real model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from support.cli import LEAN_AGENT, Ended, environment, in_process, lean_agent
from support.counting_server import SUITE, counting
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.cli.app import run
from lean_agent.models import weights
from lean_agent_evals.cli import app
from lean_agent_evals.results import read_outcomes

NAME = "qwen2.5-coder-0.5b"
COMMANDS = ("run", "list", "validate", "compare", "gate", "report", "amortise")


@pytest.fixture
def good() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(counting()) as server:
        yield server


@pytest.fixture
def bad() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(counting(wrong=r"Task [024] ")) as server:
        yield server


def evaluated(server: FakeOpenAI, folder: Path, *arguments: str, out: str = "out") -> Ended:
    where = ("--model", "fake:one", "--base-url", server.url, "--out", str(folder / out))
    return in_process("eval", "run", SUITE, *where, *arguments, folder=folder)


@pytest.mark.slow
def test_every_command_explains_itself_and_each_of_its_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group: Any = typer.main.get_command(app)
    assert tuple(group.commands) == COMMANDS
    for name, command in group.commands.items():
        assert run(["eval", name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: lean-agent eval {name}")
        assert command.help
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"
        assert any("--json" in parameter.opts for parameter in command.params)


@pytest.mark.slow
def test_the_core_does_not_know_the_evals() -> None:
    program = "import sys; from lean_agent.cli.app import run; run(['doctor', '--help']); "
    program += "sys.exit(any(name.startswith('lean_agent_evals') for name in sys.modules))"
    python = str(Path(LEAN_AGENT).with_name("python"))
    assert subprocess.run([python, "-c", program], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_run_is_written_down_told_and_reported(good: FakeOpenAI, tmp_path: Path) -> None:
    ended = evaluated(good, tmp_path, "--mode", "auto,agent", "--epochs", "2")
    assert ended.code == 0, ended.err
    assert "ARM" in ended.out
    assert "24 of 24 attempts are over" in ended.err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "config.json",
        "outcomes.jsonl",
        "outcomes.parquet",
        "trajectories.jsonl",
        "ledger",
        "report.html",
        "report.md",
        "figures.csv",
    }
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["suite"], config["arms"], config["epochs"]) == (SUITE, ["auto", "agent"], 2)
    outcomes = read_outcomes(tmp_path / "out")
    assert len(outcomes) == 24
    assert all(found.passed for key, found in outcomes.items() if key.arm == "agent")


def test_json_is_one_value_and_says_what_came_of_it(good: FakeOpenAI, tmp_path: Path) -> None:
    ended = evaluated(good, tmp_path, "--mode", "agent", "--json")
    assert (ended.code, ended.err) == (0, "")
    printed = ended.json
    assert (printed["why"], printed["counting"], printed["go_on"]) == ("complete", 6, None)
    (arm,) = printed["arms"]
    assert (arm["arm"], arm["figures"]["pass_rate"]) == ("agent", 1.0)


def test_a_dry_run_asks_nobody_and_writes_nothing(good: FakeOpenAI, tmp_path: Path) -> None:
    ended = evaluated(good, tmp_path, "--mode", "agent,instant", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["tasks"] == 6
    assert ended.json["samples"] == 12
    assert ended.json["calls"] == 6 * 20 + 6
    assert good.requests == []
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_folder_is_not_written_over_and_goes_on_when_asked(
    good: FakeOpenAI, tmp_path: Path
) -> None:
    assert evaluated(good, tmp_path, "--mode", "agent", "--count", "2").code == 0
    asked = len(good.chats)
    again = evaluated(good, tmp_path, "--mode", "agent")
    assert again.code == 2
    assert "--resume" in again.err
    assert len(good.chats) == asked
    went_on = evaluated(good, tmp_path, "--resume", "--count", "3")
    assert went_on.code == 0, went_on.err
    assert "2 of 3 attempts are over; going on" in went_on.err
    other = evaluated(good, tmp_path, "--resume", "--seed", "7")
    assert other.code == 2
    assert "seed is 7, not 0" in other.err
    assert len(read_outcomes(tmp_path / "out")) == 3


@pytest.mark.slow
def test_a_used_up_budget_says_how_to_go_on(good: FakeOpenAI, tmp_path: Path) -> None:
    ended = evaluated(good, tmp_path, "--mode", "agent", "--budget-tokens", "2500")
    assert ended.code == 3
    assert "the budget of the run is used up" in ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("to go on: ")]
    assert "--resume --budget-usd USD or --budget-tokens N" in line
    went_on = evaluated(good, tmp_path, "--resume", "--budget-tokens", "1000000")
    assert went_on.code == 0, went_on.err
    assert all(found.passed for found in read_outcomes(tmp_path / "out").values())


def test_an_unpriced_model_under_a_dollar_cap_is_refused(good: FakeOpenAI, tmp_path: Path) -> None:
    ended = evaluated(good, tmp_path, "--budget-usd", "1")
    assert ended.code == 2
    assert "the price of fake:one is unknown" in ended.err
    assert "hint:" in ended.err
    assert good.requests == []


@pytest.mark.slow
def test_ctrl_c_ends_a_run_in_order_and_it_goes_on(tmp_path: Path) -> None:
    with FakeOpenAI(counting(delay=0.1)) as slow:
        options = ("--mode", "agent", "--model", "fake:one", "--base-url", slow.url)
        process = subprocess.Popen(
            [LEAN_AGENT, "eval", "run", SUITE, *options, "--out", "out", "--concurrency", "2"],
            cwd=tmp_path,
            env=environment(tmp_path, PYTHONPATH=str(Path(__file__).parents[1])),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while len(slow.chats) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted:" in err
    (line,) = [line for line in err.splitlines() if line.startswith("to go on: lean-agent ")]
    with FakeOpenAI(counting()) as server:
        assert line.endswith("--out out --resume")
        config = tmp_path / "out" / "config.json"
        config.write_text(config.read_text().replace(slow.url, server.url))
        ended = subprocess.run(
            [LEAN_AGENT, *line.removeprefix("to go on: lean-agent ").split()],
            cwd=tmp_path,
            env=environment(tmp_path, PYTHONPATH=str(Path(__file__).parents[1])),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert [found.passed for found in read_outcomes(tmp_path / "out").values()] == [True] * 6


@pytest.mark.slow
def test_a_second_signal_does_not_wait_and_is_an_interruption_too(tmp_path: Path) -> None:
    with FakeOpenAI(counting(delay=0.1)) as slow:
        options = ("--mode", "agent", "--model", "fake:one", "--base-url", slow.url)
        process = subprocess.Popen(
            [LEAN_AGENT, "eval", "run", SUITE, *options, "--out", "out", "-q"],
            cwd=tmp_path,
            env=environment(tmp_path, PYTHONPATH=str(Path(__file__).parents[1])),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while len(slow.chats) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # two of the same may come as one
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "error: interrupted\n")


@pytest.mark.slow
def test_infrastructure_failures_end_with_1(tmp_path: Path) -> None:
    with FakeOpenAI() as gone:
        pass
    ended = evaluated(gone, tmp_path, "--mode", "instant", "--count", "1")
    assert ended.code == 1
    assert "1 infrastructure failure apart" in ended.err
    assert "to go on: " in ended.err
    assert re.search(r"^instant +0 of 1 ", ended.out, re.MULTILINE)


@pytest.mark.slow
def test_compare_and_gate_tell_better_from_worse(
    good: FakeOpenAI, bad: FakeOpenAI, tmp_path: Path
) -> None:
    assert evaluated(good, tmp_path, "--mode", "agent", out="good").code == 0
    assert evaluated(bad, tmp_path, "--mode", "agent", out="bad").code == 0
    better, worse = str(tmp_path / "good"), str(tmp_path / "bad")
    found = in_process("eval", "compare", worse, better, "--json", folder=tmp_path).json
    assert found["tasks"] == 6
    assert found["newly_failed"] == ["dev-0-0000", "dev-0-0002", "dev-0-0004"]
    assert found["figures"]["pass_rate"]["difference"]["value"] == -0.5
    table = in_process("eval", "compare", f"{worse}:agent", better, folder=tmp_path)
    assert "newly failed: dev-0-0000, dev-0-0002, dev-0-0004" in table.out
    lost = in_process("eval", "gate", worse, better, folder=tmp_path)
    assert (lost.code, lost.out) == (4, "fail\n")
    assert "accuracy was lost" in lost.err
    held = in_process("eval", "gate", better, better, "--margin", "0.9", folder=tmp_path)
    assert (held.code, held.out) == (0, "pass\n")


@pytest.mark.slow
def test_an_arm_has_to_be_named_where_there_are_several(good: FakeOpenAI, tmp_path: Path) -> None:
    assert evaluated(good, tmp_path, "--mode", "instant,agent").code == 0
    out = str(tmp_path / "out")
    assert in_process("eval", "compare", out, out, folder=tmp_path).code == 2
    assert in_process("eval", "compare", f"{out}:agent", f"{out}:auto", folder=tmp_path).code == 2
    assert in_process("eval", "compare", str(tmp_path), out, folder=tmp_path).code == 2
    nowhere = in_process("eval", "compare", "agent", f"{out}:agent", folder=tmp_path)
    assert (nowhere.code, nowhere.err.splitlines()[0]) == (2, "error: there is no folder agent")
    ended = in_process("eval", "compare", f"{out}:agent", f"{out}:instant", folder=tmp_path)
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_report_writes_a_page_where_it_is_told(good: FakeOpenAI, tmp_path: Path) -> None:
    assert evaluated(good, tmp_path, "--mode", "agent").code == 0
    page = tmp_path / "elsewhere" / "page.html"
    ended = in_process("eval", "report", str(tmp_path / "out"), "--out", str(page), folder=tmp_path)
    assert (ended.code, ended.out) == (0, f"{page}\n")
    assert "<html" in page.read_text()
    assert in_process("eval", "report", str(tmp_path / "none"), folder=tmp_path).code == 2


def test_validate_tells_the_problems(tmp_path: Path) -> None:
    assert in_process("eval", "validate", SUITE, folder=tmp_path).code == 0
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from support.counting_suite import Counting\n"
        "class Broken(Counting):\n"
        "    def best(self, task):\n"
        "        return 0.5\n"
        "suite = Broken(2)\n"
    )
    ended = in_process("eval", "validate", str(broken), "--json", folder=tmp_path)
    assert ended.code == 1
    assert any("scores 1, not 0.5" in problem for problem in ended.json["problems"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("suite = 5", "gives no suite"),
        ("1 / 0", "ZeroDivisionError"),
        ("", "gives no suite"),
    ],
)
def test_a_file_that_is_no_suite_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    ended = in_process("eval", "validate", str(path), folder=tmp_path)
    assert ended.code == 2
    assert told in ended.err


@pytest.mark.parametrize("name", ["nothing", "retrieval-qa", "gaia-like:x:y", "missing.py"])
def test_a_suite_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    ended = in_process("eval", "run", name, folder=tmp_path)
    assert ended.code == 2
    assert ended.err.startswith("error: ")


@pytest.mark.slow
def test_list_counts_tasks_by_level_and_kind(tmp_path: Path) -> None:
    rows = {row["suite"]: row for row in in_process("eval", "list", "--json", folder=tmp_path).json}
    assert sum(rows["gaia-like"]["levels"].values()) == rows["gaia-like"]["tasks"] == 300
    assert rows["retrieval-qa:PATH"]["tasks"] is None


@pytest.mark.slow
def test_a_command_that_does_not_load_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: broken\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[lean_agent.commands]\nbroken = no_such:app\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = lean_agent("--help", folder=tmp_path)
    assert ended.code == 0
    assert "note: command broken skipped: ModuleNotFoundError" in ended.err
    assert "ask" in ended.out
    assert lean_agent("broken", folder=tmp_path).code == 2


@pytest.mark.real_model
@pytest.mark.usefixtures("shared_engine")
@pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}")
def test_two_tasks_on_the_real_model(tmp_path: Path) -> None:
    ended = lean_agent(
        *("eval", "run", "gaia-like", "--count", "2", "--mode", "instant,agent", "--json"),
        *("--model", f"local:{NAME}", "--out", str(tmp_path / "out")),
        *("--max-steps-per-sample", "3", "--max-tokens-per-sample", "8000"),
        folder=tmp_path,
        timeout=240,
        XDG_CACHE_HOME=os.fspath(weights.find(NAME).parents[2]),  # pyright: ignore[reportOptionalMemberAccess] - skipif
    )
    assert ended.code == 0, ended.err
    assert (ended.json["counting"], ended.json["failed"]) == (4, 0)
    outcomes = read_outcomes(tmp_path / "out").values()
    assert all(0 < found.steps <= 3 for found in outcomes)
    assert all(0 < found.usage.total_tokens <= 8000 for found in outcomes)
    assert ended.json["tokens"] >= sum(found.usage.total_tokens for found in outcomes)


def test_what_cannot_be_run_leaves_no_folder_behind(good: FakeOpenAI, tmp_path: Path) -> None:
    timeless = evaluated(good, tmp_path, "--max-seconds-per-sample", "0", "--dry-run")
    assert (timeless.code, "no attempt can be made in 0 seconds" in timeless.err) == (2, True)
    (tmp_path / "file").write_text("")
    nowhere = evaluated(good, tmp_path, out="file/out")
    assert nowhere.code == 2
    assert "cannot be written: Not a directory" in nowhere.err
    assert good.requests == []
    assert not (tmp_path / "out").exists()


def test_a_server_that_fails_before_the_first_attempt_says_how_to_go_on(tmp_path: Path) -> None:
    with FakeOpenAI(lambda _request: Reply(status=401)) as server:
        ended = evaluated(server, tmp_path, "--mode", "agent")
    assert ended.code == 2
    assert re.search(r"hint: .*key.*; to go on: lean-agent eval run .* --resume", ended.err), (
        ended.err
    )
