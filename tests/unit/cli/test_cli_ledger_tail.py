"""Following the ledger in a process of its own, ended as people end it."""

from __future__ import annotations

import json
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import LEAN_AGENT, environment, in_process
from support.telemetry import RUN, call, run_row, tool_row

from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.migrations import columns


@contextmanager
def tailing(folder: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    """``lean-agent ledger tail``, once it looks."""
    process = subprocess.Popen(
        [LEAN_AGENT, "ledger", "tail", *options],
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            deadline = time.monotonic() + 30
            while not waiting.select(0.05):
                assert time.monotonic() < deadline
                write(folder, run_row(run_id="first" + RUN))
        yield process
    finally:
        process.kill()
        process.communicate()


def write(folder: Path, *entries: Entry) -> None:
    ledger = Ledger(folder / "data" / "lean-agent" / "ledger")
    for entry in entries:
        ledger.append(entry)
    ledger.close()


def lines(process: subprocess.Popen[str], until: str) -> list[str]:
    """What is printed from the first line on that is not of the entries that showed it looks."""
    assert process.stdout is not None
    found: list[str] = []
    for line in process.stdout:
        if "first" in line:
            continue
        found.append(line.rstrip("\n"))
        if until in line:
            return found
    raise AssertionError(found)


@pytest.mark.slow
def test_entries_appear_as_they_are_written_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    asked = call(state="open")
    served = call(usage=replace(asked.usage, input_tokens=0), saved_tokens=110, seconds=0.0)
    with tailing(tmp_path) as process:
        write(
            tmp_path,
            run_row(state="open", mode="agent"),
            asked,
            replace(asked, state="closed", seconds=2.0, finish_reason="stop"),
            call(attempt=2, error_type="rate_limit", finish_reason=None),
            served,
            tool_row(tool="\x1b[31msearch", error_type="tool"),
            run_row(finish_reason="completed"),
        )
        told = lines(process, until="completed")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == "waiting for entries; Ctrl-C ends\n"
    assert all(re.match(r"22:13:2\d  aaaaaaaa  ", line) for line in told)
    assert [line[20:] for line in told] == [
        "run  begins",
        "step 1  answer  openai:big  sent",
        "step 1  answer  openai:big  60 uncached + 40 cached + 10 out  2.00 s  $0.01  stop",
        "step 1  answer  openai:big  try 2  60 uncached + 40 cached + 10 out  2.00 s  $0.01"
        "  rate_limit",
        "step 1  answer  openai:big  110 tokens saved by the response cache  0.00 s  $0.01  stop",
        "step 1  tool  [31msearch  0.25 s  failed",
        "run  3.00 s  completed",
    ]


@pytest.mark.slow
def test_lines_that_say_next_to_nothing_or_nothing_sensible(tmp_path: Path) -> None:
    least = {"id": "x", "run_id": "y", "operation": "chat", "purpose": "act"}
    odd = {name: "odd" if kind != "VARCHAR" else 7 for name, kind in columns().items()}
    far = {"ts": 1e300, "cost": "NaN", "provider": "openai", "model": "big"}
    rows = [{"id": "x"}, least, odd | least | {"id": "z"}, least | far | {"id": "last"}]
    with tailing(tmp_path) as process:
        folder = tmp_path / "data" / "lean-agent" / "ledger" / "segments"
        (folder / "x.jsonl").write_text(
            "".join(f"{json.dumps(row)}\n" for row in ({"schema_version": 2}, *rows))
        )
        told = lines(process, until="big")
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting for entries; Ctrl-C ends\n"
        assert process.stderr.readline().startswith("note: x.jsonl: 1 unreadable line skipped")
    assert told == ["y  act  -", "y  act  -", "y  act  openai:big  no tokens  unknown (unpriced)"]


@pytest.mark.slow
def test_one_run_as_json_lines(tmp_path: Path) -> None:
    with tailing(tmp_path, "--json") as process:
        write(tmp_path, call(model="other", run_id="b" * 32), call(finish_reason="last"))
        rows = [json.loads(line) for line in lines(process, until='"last"')]
        assert [row["run_id"][0] for row in rows] == ["b", "a"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 130
    with tailing(tmp_path, "--run", "first", "--json") as process:
        write(tmp_path, call(), call(run_id="first-b"), call(run_id="aa"), call(run_id="first-c"))
        assert process.stdout is not None
        found: list[str] = []
        while not found or found[-1] != "first-c":
            found.append(json.loads(process.stdout.readline())["run_id"])
        assert all(run.startswith("first") for run in found)


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    with tailing(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.close()
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            write(tmp_path, call())
            time.sleep(0.1)
        assert process.returncode == 141
        process.stdout = None  # closed above


@pytest.mark.parametrize("option", ["--run", "--since"])
def test_options_that_are_wrong(option: str, tmp_path: Path) -> None:
    ended = in_process("ledger", "tail", option, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert option in ended.err
