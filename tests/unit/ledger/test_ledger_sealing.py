"""Segments are sealed exactly when nobody can write to them any more, and flushed as was asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.ledger_rows import entry, write

from lean_agent.errors import ConfigurationError
from lean_agent.ledger import flushing, queries
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.flushing import FsyncPolicy
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.segments import find_segments


def sealed(folder: Path) -> list[bool]:
    return [segment.is_sealed() for segment in find_segments(folder)[0]]


def test_a_segment_is_sealed_once_its_ledger_is_closed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append(entry())
    assert sealed(tmp_path) == [False]
    queries.summary(tmp_path)  # a reader in the same process gives no lock away
    compact(tmp_path)
    assert sealed(tmp_path) == [False]
    ledger.close()
    assert sealed(tmp_path) == [True]


def test_a_segment_is_sealed_once_its_process_is_killed(tmp_path: Path) -> None:
    code = """
import os, sys, signal
from support.ledger_rows import *
ledger = Ledger(Path(sys.argv[1]), fsync="interval")
ledger.append(entry())
print("written", flush=True)
sys.stdin.read()
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    assert sealed(tmp_path) == [False]
    writer.kill()
    writer.communicate()
    assert sealed(tmp_path) == [True]


@pytest.mark.slow
@pytest.mark.parametrize("fsync", ["never", "interval"])
def test_a_child_keeps_no_segment_of_its_parent_locked(tmp_path: Path, fsync: str) -> None:
    # Two children outlive the parent's ledger: a fork, which writes a segment of its own, and a
    # program that was started.
    code = """
import os, subprocess, sys, time
from support.ledger_rows import *
from lean_agent.ledger import flushing
from lean_agent.ledger.segments import find_segments
flushing._PAUSE = 0
flushing.os.fsync = lambda fd: time.sleep(0.2)
ledger = Ledger(Path(sys.argv[1]), fsync=sys.argv[2])
ledger.append(entry())
if ledger._fsync == "interval":
    time.sleep(0.3)  # the folder is flushed by now and the segment is just being
def sealed(): return [segment.is_sealed() for segment in find_segments(ledger.folder)[0]]
go_on, wait = os.pipe()
ready, tell = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(wait)
    ledger.append(entry())
    os.write(tell, b"x")
    os.read(go_on, 1)
    ledger.close()
    os._exit(0)
os.read(ready, 1)
program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
found = [sealed()]
ledger.close()
found.append(sealed())
os.close(wait)
os.waitpid(pid, 0)
found.append(sealed())
program.communicate(b"\\n")
print(found)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), fsync],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[[False, False], [True, False], [True, True]]"


def test_a_full_segment_is_left_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lean_agent.ledger.segments._MAX_BYTES", 5_000)
    ledger = Ledger(tmp_path)
    for step in range(30):
        ledger.append(entry(step=step))
    sizes = [path.stat().st_size for path in sorted((tmp_path / "segments").iterdir())]
    assert len(sizes) > 2
    assert all(5_000 <= size < 6_000 for size in sizes[:-1])
    assert sealed(tmp_path)[:-1] == [True] * (len(sizes) - 1)
    assert queries.summary(tmp_path)[0]["calls"] == 30
    assert ledger.take_notices() == []


def test_a_file_system_without_locks_is_written_and_never_compacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(fd: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("lean_agent.ledger.segments.fcntl.flock", refused)
    write(tmp_path, entry())
    assert sealed(tmp_path) == [False]
    assert queries.summary(tmp_path)[0]["calls"] == 1


# fsync


class Flushes:
    """Stands in for os.fsync: which threads called it, as slowly as it is told, or not at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[threading.Thread] = []
        self.seconds = 0.0
        self.error: OSError | None = None
        monkeypatch.setattr(flushing.os, "fsync", self)

    def __call__(self, fd: int) -> None:
        self.threads.append(threading.current_thread())
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> Flushes:
    return Flushes(monkeypatch)


def test_always_flushes_before_it_returns_and_never_does_not(
    tmp_path: Path, flushes: Flushes
) -> None:
    ledger = Ledger(tmp_path, fsync="always")
    ledger.append(entry())
    before = len(flushes.threads)
    ledger.append(entry())
    assert flushes.threads[before:] == [threading.current_thread()]
    flushes.threads.clear()
    write(tmp_path, entry(), entry())
    assert flushes.threads == []


@pytest.mark.slow
def test_an_interval_flushes_within_a_second_and_keeps_nobody_waiting(
    tmp_path: Path, flushes: Flushes
) -> None:
    flushes.seconds = 0.5
    ledger = Ledger(tmp_path, fsync="interval")
    begin = time.monotonic()
    slowest = 0.0
    while len(flushes.threads) < 2:  # the folder and the segment
        assert time.monotonic() - begin < 10
        start = time.perf_counter()
        ledger.append(entry())
        slowest = max(slowest, time.perf_counter() - start)
        time.sleep(0.001)
    assert slowest < flushes.seconds
    assert threading.current_thread() not in flushes.threads
    flushes.seconds = 0.0
    flushes.threads.clear()
    ledger.append(entry())
    ledger.close()
    assert flushes.threads[-1] is threading.current_thread()
    assert sealed(tmp_path) == [True]


def test_a_flush_that_fails_is_told_and_the_next_entry_written_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushes: Flushes
) -> None:
    monkeypatch.setattr(flushing, "_PAUSE", 0.01)
    flushes.error = OSError(5, "Input/output error")
    ledger = Ledger(tmp_path, fsync="interval")
    ledger.append(entry())
    deadline = time.monotonic() + 10
    while not ledger.take_notices():
        assert time.monotonic() < deadline
        time.sleep(0.02)
        ledger.append(entry())
    flushes.error = None
    ledger.append(entry())
    assert len(list((tmp_path / "segments").iterdir())) >= 2
    ((count, distinct),) = queries.sql(
        tmp_path, "select count(*), count(distinct id) from entries"
    )[1]
    assert count == distinct >= 3
    ledger.close()


@pytest.mark.slow
def test_threads_that_flush_end_with_their_segment(tmp_path: Path) -> None:
    before = threading.active_count()
    for _ in range(5):
        ledger = Ledger(tmp_path, fsync="interval")
        ledger.append(entry())
        ledger.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_policy_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushes: Flushes
) -> None:
    monkeypatch.setenv("LEAN_AGENT_LEDGER_FSYNC", "always")
    write(tmp_path / "a", entry())
    assert flushes.threads
    flushes.threads.clear()
    ledger = Ledger(tmp_path / "b", fsync="never")
    ledger.append(entry())
    assert flushes.threads == []
    monkeypatch.setenv("LEAN_AGENT_LEDGER_FSYNC", "")
    write(tmp_path / "c", entry())
    assert flushes.threads == []


def test_a_policy_that_is_none_of_the_three_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: FsyncPolicy = "sometimes"  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    with pytest.raises(ConfigurationError, match="fsync is 'sometimes'") as caught:
        Ledger(tmp_path, fsync=wrong)
    assert caught.value.hint == "one of: never, interval, always"
    monkeypatch.setenv("LEAN_AGENT_LEDGER_FSYNC", "1")
    with pytest.raises(ConfigurationError, match="LEAN_AGENT_LEDGER_FSYNC is '1'"):
        Ledger(tmp_path)
