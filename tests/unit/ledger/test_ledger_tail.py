"""Following: every row once, whoever appends it, and whatever becomes of its segment."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import ledger_processes
from support.ledger_processes import Nursery
from support.ledger_rows import NOON, entry, write

from lean_agent.ledger.compaction import compact
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.tail import follow

POLL = 0.01


async def take(rows: AsyncGenerator[dict[str, Any]], count: int) -> list[int]:
    """The steps of the next rows."""
    async with asyncio.timeout(20):
        return [(await anext(rows))["step"] for _ in range(count)]


async def nothing_more(rows: AsyncGenerator[dict[str, Any]]) -> bool:
    try:
        async with asyncio.timeout(20 * POLL):
            await anext(rows)
    except TimeoutError:
        return True
    return False


async def begun(folder: Path) -> AsyncGenerator[dict[str, Any]]:
    """A follower that has read all there is: it looks again when it is asked for the next row."""
    marker = entry()
    write(folder, marker)
    rows = follow(folder, poll=POLL, since_start=True)
    async with asyncio.timeout(20):
        assert (await anext(rows))["id"] == marker.id
    return rows


async def test_rows_come_as_they_were_written(tmp_path: Path) -> None:
    rows = await begun(tmp_path)
    opened = entry("0.25", step=1, state="open")
    closed = replace(opened, state="closed", finish_reason="stop")
    write(tmp_path, opened, closed)
    async with asyncio.timeout(20):
        assert [await anext(rows), await anext(rows)] == [opened.to_row(), closed.to_row()]
    await rows.aclose()


async def test_what_is_there_before_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, entry(step=1))
    compact(tmp_path)
    write(tmp_path, entry(step=2))
    ledger = Ledger(tmp_path)
    ledger.append(entry(step=3))
    rows = follow(tmp_path, poll=POLL)
    waiting = asyncio.ensure_future(take(rows, 1))
    step = 3
    while not waiting.done():  # when it has begun cannot be seen from here
        step += 1
        ledger.append(entry(step=step))
        await asyncio.sleep(0.02)
    first = waiting.result()[0]
    assert await take(rows, step - first) == list(range(first + 1, step + 1))
    ledger.close()
    compact(tmp_path)
    assert await nothing_more(rows)
    await rows.aclose()


async def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    rows = follow(tmp_path / "later", poll=POLL, since_start=True)
    assert await nothing_more(rows)
    rows = follow(tmp_path / "later", poll=POLL, since_start=True)
    waiting = asyncio.ensure_future(take(rows, 1))
    await asyncio.sleep(5 * POLL)
    write(tmp_path / "later", entry(step=1))
    assert await waiting == [1]
    await rows.aclose()


@pytest.mark.slow
async def test_segments_come_fill_up_and_are_compacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lean_agent.ledger.segments._MAX_BYTES", 3_000)
    rows = await begun(tmp_path)
    ledgers = [Ledger(tmp_path), Ledger(tmp_path)]
    for step in range(0, 60, 2):
        for ledger in ledgers:
            ledger.append(entry(step=step + (ledger is ledgers[0])))
        if step % 20 == 0:
            await asyncio.to_thread(compact, tmp_path)
    assert sorted(await take(rows, 60)) == list(range(60))
    for ledger in ledgers:
        ledger.close()
    compact(tmp_path)
    assert await nothing_more(rows)
    await rows.aclose()


@pytest.mark.slow
async def test_a_segment_that_came_and_went_between_two_looks(tmp_path: Path) -> None:
    rows = await begun(tmp_path)
    opened = entry("0.25", step=1, state="open")
    segment = write(tmp_path, opened, replace(opened, state="closed"))
    compact(tmp_path)
    assert not segment.exists()
    async with asyncio.timeout(20):
        assert await anext(rows) == replace(opened, state="closed").to_row()
    for step in (2, 3):
        write(tmp_path, entry(step=step, ts=NOON + step))
        compact(tmp_path)  # what was seen before is compacted again, and not seen again
    assert await take(rows, 2) == [2, 3]
    assert await nothing_more(rows)
    await rows.aclose()


async def test_since_the_start(tmp_path: Path) -> None:
    write(tmp_path, *(entry(str(Decimal(step) / 8), step=step) for step in range(1200)))
    compact(tmp_path)
    write(tmp_path, entry(step=1200))
    ledger = Ledger(tmp_path)
    ledger.append(entry(step=1201))
    rows = follow(tmp_path, poll=POLL, since_start=True)
    assert sorted(await take(rows, 1202)) == list(range(1202))
    ledger.append(entry(step=1202))
    assert await take(rows, 1) == [1202]
    await rows.aclose()


async def test_only_whole_lines_and_each_once(tmp_path: Path) -> None:
    rows = await begun(tmp_path)
    ledger = Ledger(tmp_path)
    ledger.append(entry(step=1))
    (path,) = [
        path for path in (tmp_path / "segments").iterdir() if b'"step":1,' in path.read_bytes()
    ]
    line = path.read_bytes().splitlines(keepends=True)[-1].replace(b'"step":1,', b'"step":2,')
    assert await take(rows, 1) == [1]
    with path.open("ab", buffering=0) as file:
        size = path.stat().st_size
        file.write(line[:40])
        await asyncio.sleep(5 * POLL)
        os.truncate(path, size)  # as after a full disk
        file.write(line[:50])
        await asyncio.sleep(5 * POLL)
        file.write(line[50:] + line + b"\0\0 damage\n" + line.replace(b"2,", b"3,", 1))
    ledger.append(entry(step=4))
    assert await take(rows, 3) == [2, 3, 4]
    await rows.aclose()


async def test_what_is_no_entry_is_left_out_and_told_once(tmp_path: Path) -> None:
    write(tmp_path, entry(step=1)).write_bytes(b"no header, and there before\n")
    told: list[str] = []
    rows = follow(tmp_path, poll=POLL, tell=told.append)
    ledger = Ledger(tmp_path)
    ledger.append(entry(step=0))
    first = asyncio.ensure_future(take(rows, 1))
    while not first.done():  # when it has begun cannot be seen from here
        ledger.append(entry(step=0))
        await asyncio.sleep(0.02)
    bare = write(tmp_path / "elsewhere", entry(step=1))
    header, line = bare.read_bytes().splitlines(keepends=True)
    segments = tmp_path / "segments"
    (segments / "x.jsonl").write_bytes(
        header + b'{"id":"x"}\n[1]\n\n' + b"[" * 9_000 + b"\n" + line + line[:40]
    )
    (segments / "y.jsonl").write_bytes(b'{"schema')
    while await take(rows, 1) == [0]:
        pass
    assert await nothing_more(rows)
    x, y = sorted(told)
    assert x.startswith("x.jsonl: 4 unreadable lines skipped (a process was killed")
    assert y.startswith("y.jsonl: no readable header: skipped")
    await rows.aclose()
    ledger.close()


@pytest.mark.slow
async def test_writers_in_other_processes_are_followed_until_they_are_killed(
    tmp_path: Path,
) -> None:
    folder, logs = tmp_path / "ledger", [tmp_path / "a", tmp_path / "b"]
    rows = await begun(folder)
    seen: set[tuple[str, str]] = set()

    async def see() -> None:
        row = await anext(rows)
        assert (row["id"], row["state"]) not in seen
        seen.add((row["id"], row["state"]))

    with Nursery() as nursery:
        writers = [nursery.start(ledger_processes.write, folder, log, "never") for log in logs]
        while len(seen) < 3_000:
            await see()
        for pid in writers:
            nursery.kill(pid)
    acknowledged = [line.split() for log in logs for line in lines(log)]
    missing = {(identifier, state) for identifier, state in acknowledged} - seen
    async with asyncio.timeout(20):
        while missing:
            await see()
            missing -= seen
    await rows.aclose()


def lines(path: Path) -> list[str]:
    """All whole lines."""
    return path.read_text().rpartition("\n")[0].splitlines()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
async def test_the_event_loop_goes_on_and_no_file_stays_open(tmp_path: Path) -> None:
    write(tmp_path, *(entry(step=step) for step in range(20_000)))
    before = open_files()
    rows = follow(tmp_path, poll=POLL, since_start=True)
    slowest = 0.0

    async def tick() -> None:
        nonlocal slowest
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            slowest = max(slowest, time.perf_counter() - start)

    ticking = asyncio.ensure_future(tick())
    assert len(await take(rows, 20_000)) == 20_000
    ticking.cancel()
    await rows.aclose()
    assert slowest < 0.25
    assert open_files() <= before
