"""``lean-agent trajectory`` over a person's own recorded runs: looked at, played again, removed."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pexpect
import pytest
from support.cli import LEAN_AGENT, Ended, environment, in_process
from support.trajectories import acted, answered, trajectory, used

from lean_agent._paths import trajectories_file
from lean_agent.ledger.outcomes import RunDid, read_outcomes, record_outcome
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.record import Source
from lean_agent.trajectory.recording import Recorder

DAY = 86_400


@pytest.fixture
def own(tmp_path: Path) -> Generator[Path]:
    """Three runs of 40, 10 and 0 days ago, in the order in which they were recorded."""
    with patch.dict(os.environ, environment(tmp_path)):
        path = trajectories_file()
        steps = [
            acted(
                0, "ada", "no such page", is_error=True, thought="Look.", usage=used(10, 5, "0.01")
            ),
            answered(1, "Ada", usage=used(30, 5, "0.03")),
        ]
        for name, days in (("ab1", 40), ("ab2", 10), ("cd3", 0)):
            source = Source(format="run", arm="agent", recorded=time.time() - days * DAY)
            Recorder(path=path, keep_days=None).record(
                trajectory(steps, id=name, output="Ada", ending="completed", source=source)
            )
        yield path


def call(folder: Path, *arguments: str) -> Ended:
    return in_process("trajectory", *arguments, folder=folder)


def left(path: Path) -> list[str]:
    return [found.id for found in read_trajectories(path)]


def test_they_are_found_without_naming_a_file(own: Path, tmp_path: Path) -> None:
    listed = call(tmp_path, "list", "-n", "2", "--json").json
    assert [row["id"] for row in listed] == ["cd3", "ab2"]
    assert call(tmp_path, "show", "cd", "--json").json["id"] == "cd3"
    assert call(tmp_path, "stats", "--json").json["trajectories"] == 3
    assert call(tmp_path, "show", str(own), "cd3", "--json").json["id"] == "cd3"


def test_a_run_is_played_again(own: Path, tmp_path: Path) -> None:
    ended = call(tmp_path, "replay", "cd3")
    assert (ended.code, ended.out) == (0, "Ada\n")
    assert ended.err.splitlines() == [
        "question: Who?",
        "agent mode",
        "step 1",
        "  thinks: Look.",
        '  search {"argument": "ada"}',
        "    failed: no such page",
        "  so far 10 input + 5 output tokens, $0.01",
        "step 2",
        "  so far 40 input + 10 output tokens, $0.04",
        "ended: completed",
    ]
    events = call(tmp_path, "replay", str(own), "cd3", "--json").json
    assert [event["event"] for event in events][:3] == ["RunStarted", "ModeChosen", "StepStarted"]
    assert events[-1]["usage"]["cost"] == "0.04"


@pytest.mark.parametrize(
    ("arguments", "gone"),
    [
        (("--all",), {"ab1", "ab2", "cd3"}),
        (("--older-than", "30"), {"ab1"}),
        (("--older-than", "1"), {"ab1", "ab2"}),
        (("ab2", "cd"), {"ab2", "cd3"}),
        (("--older-than", "99"), set[str]()),
    ],
)
def test_what_is_purged_is_told_and_gone(
    arguments: tuple[str, ...], gone: set[str], own: Path, tmp_path: Path
) -> None:
    refused = call(tmp_path, "purge", *arguments)
    assert refused.code == (2 if gone else 0)
    assert left(own) == ["ab1", "ab2", "cd3"], "nobody was there to agree"
    for name in gone:
        assert name in refused.out
    ended = call(tmp_path, "purge", *arguments, "--yes", "--json")
    assert ended.code == 0
    assert set(ended.json["removed"]) == gone
    assert left(own) == [name for name in ("ab1", "ab2", "cd3") if name not in gone]


def test_what_a_person_judges_is_noted_and_filtered_by(own: Path, tmp_path: Path) -> None:
    did = RunDid(model="m", way="agent", kinds=("",), cost=20.0)
    record_outcome("cd3", False, "person", did=did)
    assert call(tmp_path, "good", "cd").err == "noted: cd3 passed\n"
    assert call(tmp_path, "bad", str(own), "ab2", "--json").json == {"id": "ab2", "passed": False}
    rows = call(tmp_path, "list", "--json").json
    assert [(row["id"], row["passed"], row["reward"]) for row in rows] == [
        ("cd3", True, 1.0),
        ("ab2", False, 0.0),
        ("ab1", True, 1.0),  # as it was recorded
    ]
    # The gate is told as well, and what it learns by stays.
    assert [(one.run_id, one.passed, one.did) for one in read_outcomes()] == [
        ("cd3", True, did),
        ("ab2", False, None),
    ]
    call(tmp_path, "filter", str(own), "--out", str(tmp_path / "good.jsonl"))
    assert set(left(tmp_path / "good.jsonl")) == {"ab1", "cd3"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("good", "ab"), "several ids begin with ab"),
        (("bad", "zz"), "no trajectory zz in"),
        (("purge",), "which runs is not said"),
        (("purge", "ab1", "--all"), "which runs is not said, or said twice"),
        (("purge", "ab", "--yes"), "several runs begin with 'ab'"),
        (("purge", "zz", "--yes"), "no run begins with 'zz'"),
        (("purge", "--older-than", "-1"), "invalid value for '--older-than'"),
        (("replay", "a", "b", "c"), "3 names where a file and an ID do"),
        (("replay", "zz"), "no trajectory zz in"),
        (("replay",), "missing argument '[FILE] ID'"),
    ],
)
def test_bad_input_is_told_and_nothing_is_removed(
    arguments: tuple[str, ...], told: str, own: Path, tmp_path: Path
) -> None:
    ended = call(tmp_path, *arguments)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {told}")
    assert left(own) == ["ab1", "ab2", "cd3"]


def test_where_nothing_is_recorded_that_is_told(tmp_path: Path) -> None:
    for command in (("list",), ("stats",), ("show", "a"), ("replay", "a"), ("good", "a")):
        ended = call(tmp_path, *command)
        assert ended.code == 2
        assert ended.err.startswith("error: no run of yours is recorded\nhint: lean-agent ask")
    ended = call(tmp_path, "purge", "--all", "--yes", "--json")
    assert (ended.code, ended.json["removed"]) == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "kept"), [("n", 3), ("y", 0)])
def test_a_person_is_asked_first(answer: str, kept: int, own: Path, tmp_path: Path) -> None:
    program: Any = pexpect  # which has no types
    child = program.spawn(
        LEAN_AGENT,
        ["trajectory", "purge", "--all"],
        env={**environment(tmp_path), "TERM": "xterm"},
        timeout=30,
    )
    child.expect(r"remove 3 runs\? \[y/N\]")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert len(left(own)) == kept
