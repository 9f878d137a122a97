"""Compaction: fewer and smaller files, the same entries, whatever else happens meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from support.ledger_rows import entry, write

from lean_agent.errors import LedgerError
from lean_agent.ledger import compaction, queries, reading
from lean_agent.ledger.compaction import Compaction, compact, worth_compacting
from lean_agent.ledger.ledger import Ledger


def names(folder: Path) -> list[str]:
    """What is in the ledger, without the parts of names that differ each time."""
    return sorted(
        f"{path.relative_to(folder).parent}/{path.suffix}"
        for path in folder.rglob("*")
        if path.is_file()
    )


def costs(folder: Path) -> list[tuple[str, Decimal]]:
    _, rows = queries.sql(folder, "select state, cost from entries order by cost")
    return [(state, cost) for state, cost in rows]


def test_sealed_segments_become_one_file(tmp_path: Path) -> None:
    segments = [write(tmp_path, entry(str(n)), entry("0.5")) for n in range(1, 4)]
    before = sum(path.stat().st_size for path in segments)
    live = Ledger(tmp_path)
    live.append(entry("4"))

    done = compact(tmp_path)
    (path,) = (tmp_path / "compacted").iterdir()
    assert done == Compaction(6, 3, before, path.stat().st_size, ())
    assert names(tmp_path) == ["./.lock", "compacted/.parquet", "segments/.jsonl"]
    assert path.stat().st_mode & 0o377 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert queries.summary(tmp_path)[0]["cost"] == Decimal("11.5")

    live.append(entry("8"))  # the live segment was left in peace
    live.close()
    done = compact(tmp_path)
    assert (done.entries, done.segments) == (8, 1)
    assert names(tmp_path) == ["./.lock", "compacted/.parquet"]
    assert queries.summary(tmp_path)[0]["cost"] == Decimal("19.5")
    assert queries.problems(tmp_path) == []


def test_nothing_to_compact(tmp_path: Path) -> None:
    assert compact(tmp_path / "absent") == Compaction()
    assert not (tmp_path / "absent").exists()
    ledger = Ledger(tmp_path)
    ledger.append(entry())
    assert compact(tmp_path) == Compaction()
    ledger.close()
    assert compact(tmp_path).entries == 1
    assert compact(tmp_path) == Compaction()


@pytest.mark.slow
def test_a_closed_row_goes_before_an_open_one_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = [entry("0", state="open") for _ in range(4)]
    closed = [
        replace(each, state="closed", usage=entry(f"{n}").usage) for n, each in enumerate(opened)
    ]
    expected = [("closed", Decimal(n)) for n in range(1, 4)]
    write(tmp_path, *opened[1:])
    live = Ledger(tmp_path)
    live.append(closed[1])
    compact(tmp_path)  # one closed row in a segment, its open row compacted
    assert costs(tmp_path) == [("open", 0), ("open", 0), ("closed", 1)]
    monkeypatch.setattr(compaction, "_SMALL", 0)
    write(tmp_path, closed[2])
    compact(tmp_path)  # closed and open in two compacted files
    assert costs(tmp_path) == [("open", 0), ("closed", 1), ("closed", 2)]
    write(tmp_path, closed[3], closed[2], opened[2])
    assert costs(tmp_path) == expected
    live.close()
    compact(tmp_path)
    assert len(list((tmp_path / "compacted").iterdir())) == 3
    assert costs(tmp_path) == expected
    monkeypatch.undo()
    write(tmp_path, opened[1])
    compact(tmp_path)
    assert len(list((tmp_path / "compacted").iterdir())) == 1
    assert costs(tmp_path) == expected


@pytest.mark.slow
def test_a_segment_copied_before_its_compaction_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, entry("1"), entry("2"))
    lines = path.read_bytes()
    compact(tmp_path)
    monkeypatch.setattr(compaction, "_SMALL", 0)
    for name in ("it's a copy.jsonl", "ü [1].jsonl"):
        (path.parent / name).write_bytes(lines)
        assert queries.summary(tmp_path)[0]["cost"] == 3
        compact(tmp_path)
        assert queries.summary(tmp_path)[0]["cost"] == 3
    assert queries.problems(tmp_path) == []


def test_unreadable_lines_are_kept_aside_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"), entry("2"))
    path.write_bytes(path.read_bytes() + b'{"id": "torn')
    headless = write(tmp_path, entry("4"))
    headless.write_bytes(b"?" + headless.read_bytes())
    whole = path.read_bytes()

    headless_whole = headless.read_bytes()
    damaged = tmp_path / "damaged"

    done = compact(tmp_path)
    first, second = done.set_aside
    assert first == f"{headless.name}: no readable header: kept in {damaged / headless.name}"
    assert second.startswith(f"{path.name}: 1 unreadable line skipped")
    assert second.endswith(f"; kept in {damaged / path.name}")
    assert (damaged / path.name).read_bytes() == whole
    assert (damaged / headless.name).read_bytes() == headless_whole
    assert list((tmp_path / "segments").iterdir()) == []
    assert queries.summary(tmp_path)[0]["cost"] == 3
    assert (done.problems, queries.problems(tmp_path)) == ((), [])
    assert compact(tmp_path) == Compaction(), "told once"


def test_a_header_that_is_still_being_written_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append(entry())
    (path,) = (tmp_path / "segments").iterdir()
    path.write_bytes(b'{"schema')
    assert compact(tmp_path).set_aside == ()
    assert path.read_bytes() == b'{"schema'
    ledger.close()
    other = tmp_path / "damaged" / path.name
    other.parent.mkdir()
    other.write_bytes(b"of the same name")
    assert compact(tmp_path).set_aside == ()
    assert (path.read_bytes(), other.read_bytes()) == (b'{"schema', b"of the same name")


def test_two_at_once(tmp_path: Path) -> None:
    write(tmp_path, entry())
    with FileLock(tmp_path / "compaction.lock"):
        with pytest.raises(LedgerError, match="another compaction") as caught:
            compact(tmp_path)
        assert caught.value.hint
    assert compact(tmp_path).entries == 1


LIMITED = """
import resource, sys
from pathlib import Path
from lean_agent.errors import LedgerError
from lean_agent.ledger.compaction import compact
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    print(compact(Path(sys.argv[1])).entries)
except LedgerError as error:
    print(error.message)
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 5_000, 20_000])
def test_a_full_disk_loses_nothing(tmp_path: Path, room: int) -> None:
    for _ in range(3):
        write(tmp_path, *(entry("0.5", step=step) for step in range(300)))
    before = names(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(room)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"the ledger in {tmp_path} could not be compacted (")
    assert [name for name in names(tmp_path) if name != "./.lock"] == before
    assert queries.summary(tmp_path)[0]["calls"] == 900
    assert compact(tmp_path).entries == 900


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    write(tmp_path, entry())
    (tmp_path / "compaction.lock").mkdir()
    with pytest.raises(LedgerError, match="could not be compacted"):
        compact(tmp_path)
    assert queries.summary(tmp_path)[0]["calls"] == 1


def test_what_is_worth_compacting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not worth_compacting(tmp_path / "absent")
    monkeypatch.setattr(compaction, "_MANY_SEGMENTS", 3)
    ledgers = [Ledger(tmp_path) for _ in range(3)]
    for ledger in ledgers:
        ledger.append(entry())
    ledgers[0].close()
    ledgers[1].close()
    assert not worth_compacting(tmp_path)  # the third is live
    ledgers[2].close()
    assert worth_compacting(tmp_path)
    compact(tmp_path)
    assert not worth_compacting(tmp_path)
    monkeypatch.setattr(compaction, "_MANY_BYTES", 1_000)
    write(tmp_path, *(entry() for _ in range(10)))
    assert worth_compacting(tmp_path)


@pytest.mark.slow
def test_readers_and_writers_are_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lean_agent.ledger.segments._MAX_BYTES", 50_000)
    stop = threading.Event()
    written = 0

    def write_on() -> None:
        nonlocal written
        ledger = Ledger(tmp_path)
        while not stop.wait(0.001):
            opened = entry("1", state="open")
            ledger.append(opened)
            written += 1
            ledger.append(replace(opened, state="closed"))

    def compact_on() -> None:
        while not stop.wait(0.1):
            compact(tmp_path)

    threads = [threading.Thread(target=write_on), threading.Thread(target=compact_on)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            before = written
            ((count, distinct),) = queries.sql(
                tmp_path, "select count(*), count(distinct id) from entries"
            )[1]
            assert before <= count == distinct
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    compact(tmp_path)
    assert queries.summary(tmp_path)[0]["cost"] == written
    assert queries.problems(tmp_path) == []


@pytest.mark.slow
def test_what_could_not_be_removed_counts_once_whatever_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bool:
        return False

    monkeypatch.setattr(compaction, "_removed", refused)
    for total in (1, 2, 3):
        path = write(tmp_path, entry("1"))
        (problem,) = compact(tmp_path).problems[-1:]
        assert problem.endswith(": replaced but not removed")
        assert path.exists()
        assert queries.summary(tmp_path)[0]["cost"] == total
    # Were the oldest file named by the second alone, it would count again without that.
    sorted((tmp_path / "compacted").iterdir())[1].unlink()
    assert queries.summary(tmp_path)[0]["cost"] == 3
    monkeypatch.undo()
    compact(tmp_path)
    assert list((tmp_path / "segments").iterdir()) == []
    assert queries.summary(tmp_path)[0]["cost"] == 3


def test_a_compacted_file_replaced_before_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, entry("1"))
    compact(tmp_path)
    original = reading.inspect_compacted

    def replaced_first(*arguments: Any) -> Any:
        monkeypatch.undo()
        write(tmp_path, entry("2"))
        compact(tmp_path)
        return original(*arguments)

    monkeypatch.setattr(reading, "inspect_compacted", replaced_first)
    assert queries.summary(tmp_path)[0]["cost"] == 3


@pytest.mark.parametrize(
    ("step", "compacted_earlier"),
    [
        *((step, True) for step in ("find_segments", "list_files", "load", "compacted_rows")),
        *((step, False) for step in ("find_segments", "list_files", "load")),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_compaction_at_any_moment_of_reading(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    compacted_earlier: bool,
    before: bool,
) -> None:
    write(tmp_path, entry("1"))
    if compacted_earlier:
        compact(tmp_path)
    write(tmp_path, entry("2"))
    original = getattr(reading, step)

    def with_compaction(*arguments: Any) -> Any:
        monkeypatch.undo()
        if before:
            compact(tmp_path)
        found = original(*arguments)
        compact(tmp_path)
        return found

    monkeypatch.setattr(reading, step, with_compaction)
    assert queries.summary(tmp_path)[0]["cost"] == 3
    assert list((tmp_path / "segments").iterdir()) == []
