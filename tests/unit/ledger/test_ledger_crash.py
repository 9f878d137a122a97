"""``kill -9`` at any moment: what was acknowledged is there, exactly once, and can be queried."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support import ledger_processes
from support.ledger_processes import Nursery
from support.ledger_rows import entry, run_row, write

from lean_agent.ledger import queries
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.ledger import Ledger

WRITERS = 4


def counted(folder: Path) -> dict[str, str]:
    """The state of each entry by its id, each there once."""
    _, rows = queries.sql(folder, "select id, state from entries")
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1] for row in rows}


def one_round(nursery: Nursery, folder: Path, seed: int) -> None:
    """Four writers under load are killed one by one; every third round while a compaction runs."""
    chance = random.Random(seed)
    policies = ("never", "interval", "never", "always")
    logs = [folder.with_name(f"{folder.name}-{seed}-{n}") for n in range(WRITERS)]
    writers = [
        nursery.start(ledger_processes.write, folder, log, policy)
        for log, policy in zip(logs, policies, strict=True)
    ]
    compactors = [nursery.start(ledger_processes.compact_on, folder)] if seed % 3 == 0 else []
    deadline = time.monotonic() + 30
    while not all(log.exists() and log.stat().st_size for log in logs):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    for pid in chance.sample([*writers, *compactors], len(writers) + len(compactors)):
        time.sleep(chance.uniform(0, 0.06))
        nursery.kill(pid)

    acknowledged: set[tuple[str, str]] = set()
    for log in logs:
        # The last acknowledgement may itself be cut off.
        for line in log.read_bytes().rpartition(b"\n")[0].decode().splitlines():
            identifier, state = line.split()
            acknowledged.add((identifier, state))
    found = counted(folder)
    assert all(found[each] == "closed" for each, state in acknowledged if state == "closed")
    assert {each for each, _ in acknowledged} <= found.keys()
    check_lines(folder, acknowledged, compacted=bool(compactors) or (folder / "compacted").exists())


def check_lines(folder: Path, acknowledged: set[tuple[str, str]], *, compacted: bool) -> None:
    """Every line is there once, and each segment that is torn is told, and no other."""
    lines: Counter[tuple[str, str]] = Counter()
    torn: set[str] = set()
    for path in (folder / "segments").iterdir():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            torn.add(path.name)
        for line in content.rpartition(b"\n")[0].splitlines()[1:]:
            row = json.loads(line)
            lines[row["id"], row["state"]] += 1
    assert max(lines.values(), default=1) == 1
    assert compacted or acknowledged <= lines.keys()
    assert {problem.partition(":")[0] for problem in queries.problems(folder)} == torn


def rounds(folder: Path, count: int) -> None:
    with Nursery() as nursery:
        for seed in range(count):
            one_round(nursery, folder / f"ledger-{seed // 5}", seed)
            if seed % 5 == 4 or seed + 1 == count:
                next_start_works(folder / f"ledger-{seed // 5}")


def next_start_works(folder: Path) -> None:
    before = counted(folder)
    ledger = Ledger(folder)
    last = entry()
    ledger.append(last)
    assert ledger.take_notices() == []
    ledger.close()
    for path in (folder / "segments").iterdir():
        if path.stat().st_size == 0:  # killed before its header; it may be some other writer's
            os.utime(path, (0, 0))
    compact(folder)
    assert counted(folder) == before | {last.id: "closed"}
    assert list((folder / "segments").iterdir()) == []
    assert len(list((folder / "compacted").iterdir())) == 1
    assert not (folder / "compacting").exists()


@pytest.mark.slow
def test_killed_writers_lose_no_acknowledged_entry(tmp_path: Path) -> None:
    rounds(tmp_path, 2)


@pytest.mark.slow
def test_twenty_rounds_of_killed_writers(tmp_path: Path) -> None:
    rounds(tmp_path, 20)


@pytest.mark.soak
def test_two_hundred_rounds_of_killed_writers(tmp_path: Path) -> None:
    rounds(tmp_path, 200)


@pytest.mark.slow
def test_a_compaction_killed_at_any_step_neither_loses_nor_doubles(tmp_path: Path) -> None:
    model = tmp_path / "model"
    opened = [entry(state="open") for _ in range(3)]
    write(model, *opened, entry(), run_row("r", state="open"))
    compact(model)
    write(model, *(replace(each, state="closed") for each in opened[:2]), entry())
    torn = write(model, entry(), entry())
    torn.write_bytes(torn.read_bytes()[:-9])
    write(model, run_row("r"), entry(state="open"))
    headless = write(model, entry())
    headless.write_bytes(headless.read_bytes()[:20])
    damaged = {torn.name, headless.name}
    expected = counted(model)

    killed, step = -9, 0
    with Nursery() as nursery:
        for step in range(100):
            folder = tmp_path / str(step)
            shutil.copytree(model, folder)
            ended = nursery.end(nursery.start(ledger_processes.compact, folder, step))
            assert counted(folder) == expected
            if ended == 0:
                break
            assert ended == killed
            compact(folder)
            assert counted(folder) == expected
            # What an earlier compaction left behind is gone by now.
            write(folder, entry())
            compact(folder)
            assert len(counted(folder)) == len(expected) + 1
            assert list((folder / "segments").iterdir()) == []
            assert len(list((folder / "compacted").iterdir())) == 1
            assert {path.name for path in (folder / "damaged").iterdir()} == damaged
            assert not (folder / "compacting").exists()
    assert 10 < step < 99
