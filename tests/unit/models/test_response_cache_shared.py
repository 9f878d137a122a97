"""Threads and processes that share one response cache, are killed in it, or find the disk full."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lean_agent.messages import Message
from lean_agent.model import ModelResponse
from lean_agent.models.response_cache import ResponseCache
from lean_agent.usage import Usage

ANSWER = """
import sys
from lean_agent.messages import Message
from lean_agent.model import ModelResponse
from lean_agent.models.response_cache import ResponseCache
from lean_agent.usage import Usage
def answer(key):
    return ModelResponse(message=Message("assistant", key * 300), usage=Usage(),
                         finish_reason="stop", model="a:b")
cache = ResponseCache(sys.argv[1])
"""
SHARER = """
import threading
def work(thread):
    for number in range(25):
        key = f"{number}-{sys.argv[2]}-{thread}"
        cache.put(key, answer(key))
        cache.put(f"{number}-common", answer(f"{number}-common"))
        assert cache.get(key) == answer(key)
        assert cache.get(f"{number}-common") == answer(f"{number}-common")
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(cache.take_notices())
"""
# Acknowledges each key on standard output once it is kept.
WRITER = """
import itertools, os, threading
def write(thread):
    for number in itertools.count():
        cache.put(f"{thread}-{number}", answer(f"{thread}-{number}"))
        os.write(1, f"{thread}-{number}\\n".encode())
for n in range(2):
    threading.Thread(target=write, args=(n,)).start()
"""
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def room(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
room(0)
cache.put("early", answer("early"))
print(cache.get("early"))
room(hard)
cache.put("kept", answer("kept"))
room(40_000)  # SQLite's index in shared memory needs 32,768 bytes to read at all
for number in range(50):
    cache.put(f"late{number}", answer("x" * 10))
assert cache.get("kept") == answer("kept")
assert cache.get("late49") is None
room(hard)
cache.put("after", answer("after"))
assert cache.get("after") == answer("after")
notices = cache.take_notices()
print(len(notices), notices[0])
"""


def answer(key: str) -> ModelResponse:
    return ModelResponse(
        message=Message("assistant", key * 300),
        usage=Usage(),
        finish_reason="stop",
        model="a:b",
    )


@contextmanager
def running(code: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", ANSWER + code, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT count(*) FROM answers").fetchone()[0]


@pytest.mark.slow
def test_threads_and_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with running(SHARER, str(path), "a") as one, running(SHARER, str(path), "b") as other:
        for process in (one, other):
            output, errors = process.communicate(timeout=60)
            assert (output, errors) == ("[]\n", "")
    assert rows(path) == 25 * 2 * 4 + 25


def test_a_fresh_file_is_made_once_by_many_threads(tmp_path: Path) -> None:
    caches = [ResponseCache(tmp_path / "answers.sqlite") for _ in range(8)]
    together = threading.Barrier(len(caches))

    def put(number: int) -> None:
        together.wait()
        caches[number].put(str(number), answer(str(number)))

    threads = [threading.Thread(target=put, args=(n,)) for n in range(len(caches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [cache.take_notices() for cache in caches] == [[]] * len(caches)
    assert rows(caches[0].path) == len(caches)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_writer_leaves_every_answer_it_acknowledged(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "answers.sqlite"
    with running(WRITER, str(path)) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.2))
        writer.kill()
        acknowledged = (first + writer.stdout.read()).splitlines(keepends=True)
    keys = [line.strip() for line in acknowledged if line.endswith("\n")]
    cache = ResponseCache(path)
    assert all(cache.get(key) == answer(key) for key in keys)
    # Each thread may have kept one answer that it did not live to acknowledge.
    assert len(keys) <= rows(path) <= len(keys) + 2
    assert cache.take_notices() == []


def test_a_full_disk_costs_only_a_notice(tmp_path: Path) -> None:
    with running(FULL, str(tmp_path / "answers.sqlite")) as process:
        output, errors = process.communicate(timeout=60)
    assert errors == ""
    early, told = output.splitlines()
    assert early == "None"
    assert "cannot be used" in told
    assert "delete" not in told
