"""`lean-agent resume`: a run goes on after a limit, Ctrl-C or a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.cli import LEAN_AGENT, Ended, environment, in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.cli.options import RunOptions

MODEL = ("--model", "openai:x")


def ask(server: FakeOpenAI, folder: Path, *arguments: str) -> Ended:
    return in_process("ask", *arguments, *MODEL, "--base-url", server.url, folder=folder)


def states(folder: Path) -> list[Any]:
    return in_process("resume", "--list", "--json", folder=folder).json


@pytest.mark.slow
def test_a_limit_tells_how_to_go_on_and_a_higher_one_does(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(
        Reply(text="Once upon a time there", finish_reason="length"), Reply(text=" was an end.")
    )
    cut = ask(server, tmp_path, "Tell a story", "--max-tokens", "300")
    assert (cut.code, cut.out) == (3, "Once upon a time there\n")
    (kept,) = states(tmp_path)
    assert kept["question"] == "Tell a story"
    short = kept["run_id"][:12]
    assert f"to go on: lean-agent resume {short} --max-tokens N" in cut.err

    done = in_process("resume", short, "--max-tokens", "4000", folder=tmp_path)
    assert (done.code, done.out) == (0, "Once upon a time there was an end.\n")
    assert len(server.chats) == 2
    assert "Tell a story" not in server.chats[1].body["messages"][-1]["content"]
    assert states(tmp_path) == []
    run = in_process("ledger", "runs", "--json", folder=tmp_path).json
    assert [r["run_id"] for r in run] == [kept["run_id"]]


@pytest.mark.slow
def test_the_newest_goes_on_where_none_is_named(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(
        Reply(text="cut", finish_reason="length"), Reply(text="cut too", finish_reason="length")
    )
    ask(server, tmp_path, "first question", "--max-tokens", "300")
    ask(server, tmp_path, "second question", "--max-tokens", "300")
    assert [run["question"] for run in states(tmp_path)] == ["second question", "first question"]
    server.say(Reply(text=" the rest"))
    done = in_process("resume", "--max-tokens", "3000", "--events", folder=tmp_path)
    last = json.loads(done.out.splitlines()[-1])
    assert (last["event"], last["output"]) == ("run_finished", "cut too the rest")
    assert [run["question"] for run in states(tmp_path)] == ["first question"]


@pytest.mark.slow
def test_a_limit_that_is_not_raised_is_said(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="cut", finish_reason="length"))
    ask(server, tmp_path, "Tell a story", "--max-tokens", "300")
    for given in (), ("--max-tokens", "20"), ("--max-tokens", "300"):
        again = in_process("resume", *given, folder=tmp_path)
        assert again.code == 2
        assert "error: the tokens limit that ended the run is not raised: of" in again.err
        assert "hint: raise Budget(tokens=...), --max-tokens on the command line" in again.err
    assert len(server.chats) == 1, "nothing was paid for"
    assert len(states(tmp_path)) == 1, "it can still go on"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "there is no run to resume"),
        (("feed",), "there is no run 'feed' to resume"),
    ],
)
def test_nothing_to_resume_is_said(
    arguments: tuple[str, ...], line: str, server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="done"))
    assert ask(server, tmp_path, "hi").code == 0
    ended = in_process("resume", *arguments, folder=tmp_path)
    assert ended.code == 2
    assert f"error: {line}" in ended.err
    assert "there is no run to resume" in in_process("resume", "--list", folder=tmp_path).err


def _begin(server: FakeOpenAI, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [LEAN_AGENT, "ask", "How high is it?", *MODEL, "--base-url", server.url],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not server.chats:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_goes_on(
    number: signal.Signals, server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="never", delay=30))
    process = _begin(server, tmp_path)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)
    (kept,) = states(tmp_path)
    if number == signal.SIGINT:
        assert f"to go on: lean-agent resume {kept['run_id'][:12]}" in err.decode()
    server.say(Reply(text="29 m"))
    done = in_process("resume", "--json", folder=tmp_path)
    assert (done.code, done.json["output"]) == (0, "29 m")
    shown = in_process("ledger", "sql", "select * from entries", "--json", folder=tmp_path).json
    names = shown["columns"]
    rows = [dict(zip(names, row, strict=True)) for row in shown["rows"]]
    calls = [row for row in rows if row["operation"] == "chat"]
    assert len(calls) == 2, "the call that was cut off has a row"
    total = sum(row["input_tokens"] + row["output_tokens"] for row in calls)
    usage = done.json["usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == total


def test_private_files_are_the_users_own(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="cut", finish_reason="length"))
    ask(server, tmp_path, "Tell a story", "--max-tokens", "40")
    state = tmp_path / "state" / "lean-agent"
    files = [*(state / "runs").iterdir(), state / "checkpoints.sqlite"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def kept_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("*.sqlite*"))


@pytest.mark.parametrize("command", ["resume", "ask"])
def test_a_run_left_for_a_month_is_forgotten(
    command: str, server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="cut", finish_reason="length"))
    ask(server, tmp_path, "Tell a story", "--max-tokens", "40")
    state = tmp_path / "state" / "lean-agent"
    (file,) = (state / "runs").iterdir()
    assert b"Tell a story" in kept_bytes(state)
    month_ago = time.time() - 31 * 86_400
    file.write_text(json.dumps(json.loads(file.read_text()) | {"started": month_ago}))
    if command == "resume":
        assert states(tmp_path) == []
    else:
        server.say(Reply(text="four"))
        assert ask(server, tmp_path, "two plus two?").code == 0
    assert not file.exists()
    assert b"Tell a story" not in kept_bytes(state)


def test_what_a_plan_needs_no_model_for_is_resumed_without_its_weights(tmp_path: Path) -> None:
    runs = tmp_path / "state" / "lean-agent" / "runs"
    runs.mkdir(parents=True)
    kept = {"question": "24 from 1 2 3 4", "started": time.time(), "options": {"mode": "plan"}}
    (runs / "feed.json").write_text(json.dumps(kept))
    ended = in_process("resume", folder=tmp_path, LEAN_AGENT_WEIGHTS_DIR=str(tmp_path))
    assert (ended.code, "there is no run 'feed' to resume" in ended.err) == (2, True)


def test_runs_are_kept_where_they_are_told_to_be(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="cut", finish_reason="length"), Reply(text=" the rest"))
    file = tmp_path / "elsewhere" / "runs.sqlite"
    ask(server, tmp_path, "Tell a story", "--max-tokens", "300", "--checkpoints", str(file))
    assert b"Tell a story" in kept_bytes(file.parent)
    done = in_process("resume", "--max-tokens", "3000", "--json", folder=tmp_path)
    assert done.json["output"] == "cut the rest"
    wrong = ask(server, tmp_path, "x", "--checkpoints", "mysql://me:swordfish@host/x")
    assert (wrong.code, len(server.chats)) == (2, 2)
    assert "checkpoints cannot be kept at mysql://" in wrong.err
    assert "swordfish" not in wrong.err


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (
            "postgresql://me:pw%40@host:1/x?password=pw&sslmode=require",
            "me@host:1/x?sslmode=require",
        ),
        ("postgresql://host/x", "host/x"),
        ("postgresql:///x?host=%2Ftmp", "/x?host=%2Ftmp"),
    ],
)
def test_no_password_is_written_down(given: str | None, kept: str | None) -> None:
    options = RunOptions(checkpoints=given).to_dict()
    assert options["checkpoints"] == (kept and f"postgresql://{kept}")


def test_what_cannot_be_kept_costs_the_resuming_only(server: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    server.say(Reply(text="four"))
    ended = ask(server, tmp_path, "two plus two?")
    assert (ended.code, ended.out) == (0, "four\n")
    assert "note: this run cannot be resumed" in ended.err


def test_the_cache_answers_for_free(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="four"))
    first = ask(server, tmp_path, "two plus two?", "--cache")
    second = ask(server, tmp_path, "two plus two?", "--cache")
    assert first.out == second.out == "four\n"
    assert len(server.chats) == 1
    assert "served from the response cache" in second.err
