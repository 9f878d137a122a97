"""Damage: whatever lies in the folder, what can be read is counted and the rest is told."""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.ledger_rows import entry, write

from lean_agent.ledger import queries
from lean_agent.ledger.compacted import digest
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.migrations import SCHEMA_VERSION

NO_HEADER = "{}: no readable header: skipped (`lean-agent ledger compact` sets it aside)"


def test_torn_and_foreign_lines_are_skipped_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"), entry("2"))
    header, first, second = path.read_bytes().splitlines(keepends=True)
    damage = [b"\0" * 700 + b"\n", b"[1, 2]\n", b"\xff\xfe{\n", b'{"id": 5', b"\n", b"{}\n", b"\n"]
    path.write_bytes(header + first + b"".join(damage) + second + second[: len(second) // 2])
    other = write(tmp_path, entry("4"))
    other.write_bytes(other.read_bytes() + b"{")

    (row,) = queries.summary(tmp_path)
    assert (row["calls"], row["cost"]) == (3, Decimal(7))
    one, two = queries.problems(tmp_path)
    assert one.startswith(f"{path.name}: 6 unreadable lines skipped")
    assert two.startswith(f"{other.name}: 1 unreadable line skipped")


@pytest.mark.parametrize("without", ["id", "run_id", "operation", "purpose"])
def test_a_row_that_is_no_entry_is_skipped_and_told(tmp_path: Path, without: str) -> None:
    path = write(tmp_path, entry("1"))
    row = entry("2").to_row()
    del row[without]
    with path.open("a") as file:
        file.write(f"{json.dumps(row)}\n")
    (total,) = queries.summary(tmp_path)
    assert (total["calls"], total["unpriced_calls"], total["cost"]) == (1, 0, Decimal(1))
    (problem,) = queries.problems(tmp_path)
    assert problem.startswith(f"{path.name}: 1 unreadable line skipped")
    compact(tmp_path)
    assert queries.summary(tmp_path) == [total]
    assert json.dumps(row) in (tmp_path / "damaged" / path.name).read_text()


@pytest.mark.parametrize("keep", range(0, 400, 47))
def test_a_segment_cut_anywhere_can_be_read(tmp_path: Path, keep: int) -> None:
    whole = write(tmp_path, entry("1"), entry("2"))
    whole.write_bytes(whole.read_bytes()[:keep])
    write(tmp_path, entry("4"))
    (row,) = queries.summary(tmp_path)
    assert row["cost"] == Decimal(4)
    problems = queries.problems(tmp_path)
    assert len(problems) == (keep > 0)
    assert all(whole.name in problem and "skipped" in problem for problem in problems)


@pytest.mark.slow
def test_a_segment_torn_at_any_byte_loses_the_torn_line_alone(tmp_path: Path) -> None:
    """What a kill can leave: a segment ends at each byte of its header, and of its last line."""
    model = write(tmp_path / "model", entry("1", id="whole-0000"), entry("2", id="torn-0000"))
    header, whole, torn = model.read_bytes().splitlines(keepends=True)
    folder = tmp_path / "ledger"
    segments = folder / "segments"
    segments.mkdir(parents=True)
    for cut in range(len(header)):
        (segments / f"header-{cut:04}.jsonl").write_bytes(header[:cut])
    for cut in range(len(torn)):
        lines = (header + whole + torn).replace(b"-0000", b"-%04d" % cut)
        (segments / f"line-{cut:04}.jsonl").write_bytes(lines[: len(header + whole) + cut])

    def read() -> list[str]:
        told: list[str] = []
        query = "select id, cost from entries where id <> 'next' order by id desc"
        _, rows = queries.sql(folder, query, left_out=told)
        # All of a line but its end: it was not acknowledged, and nothing of it is missing.
        assert rows.pop(len(torn)) == (f"torn-{len(torn) - 1:04}", 2)
        assert rows == [(f"whole-{cut:04}", 1) for cut in reversed(range(len(torn)))]
        return told

    told = read()
    assert [problem.partition(".")[0] for problem in told] == [
        *(f"header-{cut:04}" for cut in range(1, len(header) - 1)),
        *(f"line-{cut:04}" for cut in range(1, len(torn) - 1)),
    ]
    assert all("1 unreadable line skipped" in problem for problem in told[len(header) - 2 :])
    write(folder, entry("4", id="next"))
    done = compact(folder)
    assert (len(done.set_aside), done.problems) == (len(told), ())
    assert read() == []
    assert queries.sql(folder, "select cost from entries where id = 'next'")[1] == [(4,)]


def test_a_segment_of_a_newer_version_is_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"))
    newer = SCHEMA_VERSION + 1
    said = f'"schema_version": {SCHEMA_VERSION}'
    path.write_text(path.read_text().replace(said, f'"schema_version": {newer}'))
    write(tmp_path, entry("2"))
    assert queries.summary(tmp_path)[0]["cost"] == Decimal(2)
    (problem,) = queries.problems(tmp_path)
    assert path.name in problem
    assert f"newer lean-agent (schema version {newer}, this one reads {newer - 1}" in problem


@pytest.mark.parametrize(
    "header",
    ["", "[]", '{"schema_version": "1"}', "{}", "null", "[" * 4000, "x" * 9000],
    ids=range(7),
)
def test_a_segment_without_a_header_is_left_out_and_told(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, entry("1"))
    path.write_text(header + "\n" + path.read_text().partition("\n")[2])
    assert queries.summary(tmp_path) == []
    assert queries.problems(tmp_path) == [NO_HEADER.format(path.name)]


def test_a_field_that_an_older_or_newer_version_lacks_or_adds_does_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"))
    header, line = path.read_text().splitlines()
    row: dict[str, Any] = json.loads(line)
    del row["queue_seconds"]
    row["colour"] = {"deep": [1]}
    path.write_text(f"{header}\n{json.dumps(row)}\n")
    assert queries.summary(tmp_path)[0]["cost"] == Decimal(1)
    assert queries.show(tmp_path, "run-a")[0]["queue_seconds"] is None
    assert queries.problems(tmp_path) == []


def test_a_copied_segment_is_counted_once(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"), entry("2"))
    (path.parent / "copy.jsonl").write_bytes(path.read_bytes())
    (row,) = queries.summary(tmp_path)
    assert (row["calls"], row["cost"]) == (2, Decimal(3))


@pytest.mark.slow
def test_one_hopeless_segment_does_not_hide_the_others(tmp_path: Path) -> None:
    hopeless = write(tmp_path, entry("1"))
    with hopeless.open("a") as file:
        file.write("x" * 40_000_000)  # longer than DuckDB takes an object to be
    (hopeless.parent / "folder.jsonl").mkdir()
    (hopeless.parent / "notes.txt").write_text("not a segment")
    os.mkfifo(hopeless.parent / "pipe.jsonl")  # to open it would be to wait for ever
    write(tmp_path, entry("2"))
    assert queries.summary(tmp_path)[0]["cost"] == Decimal(2)
    (problem,) = queries.problems(tmp_path)
    assert problem.startswith(f"{hopeless.name}: cannot be read (Invalid Input Error")


def test_a_time_beyond_the_calendar_has_no_day(tmp_path: Path) -> None:
    write(tmp_path, entry("1", ts=1e300), entry("1", ts=float("nan")), entry("1"))
    assert [(r["day"], r["calls"]) for r in queries.summary(tmp_path, by="day")] == [
        ("2026-03-01", 1),
        (None, 2),
    ]
    assert len(queries.show(tmp_path, "run-a")) == 3


@pytest.mark.parametrize("name", ["a[1]b", "sp ace", "st*r", "qu'ote", "$files", "ü?"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, entry("1"))
    assert queries.summary(tmp_path / name)[0]["cost"] == Decimal(1)


@pytest.mark.parametrize("seed", range(6))
def test_bytes_flipped_in_a_segment_cost_no_more_than_its_own_lines(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    path = write(tmp_path, *(entry("1", run_id=f"r{n}") for n in range(20)))
    content = bytearray(path.read_bytes())
    hit = sorted(chance.sample(range(content.index(b"\n") + 1, len(content)), 3))
    for position in hit:
        content[position] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    write(tmp_path, entry("100", run_id="other"))

    costs = dict(queries.sql(tmp_path, "select run_id, cost from entries")[1])
    assert costs["other"] == 100
    # A flipped line break joins two lines.
    assert len(costs) >= 1 + 20 - 2 * len(hit)
    assert len(queries.problems(tmp_path)) <= 1


def test_what_is_no_segment_at_all(tmp_path: Path) -> None:
    folder = write(tmp_path, entry("1")).parent
    (folder / "empty.jsonl").touch()
    (folder / "folder.jsonl").mkdir()
    (folder / "zeros.jsonl").write_bytes(b"\0" * 100_000)
    (folder / "binary.jsonl").write_bytes(random.Random(0).randbytes(100_000))
    (folder / "parquet.jsonl").write_bytes(b"PAR1" * 10)
    names = [f"{name}.jsonl" for name in ("binary", "parquet", "zeros")]
    assert queries.summary(tmp_path)[0]["cost"] == 1
    assert queries.problems(tmp_path) == [NO_HEADER.format(name) for name in names]
    done = compact(tmp_path)
    assert (done.entries, done.segments, done.problems, len(done.set_aside)) == (1, 1, (), 3)
    assert sorted(path.name for path in (tmp_path / "damaged").iterdir()) == names
    assert queries.summary(tmp_path)[0]["cost"] == 1
    assert queries.problems(tmp_path) == []


# Compacted files


def compacted(folder: Path) -> Path:
    (path,) = (folder / "compacted").glob("*.parquet")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_compacted_file_cut_short_is_told_and_the_rest_is_read(tmp_path: Path, keep: int) -> None:
    write(tmp_path, entry("1"))
    compact(tmp_path)
    path = compacted(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    write(tmp_path, entry("2"))
    told = [f"{path.name}: damaged, its checksum does not fit its name: skipped"]
    assert queries.summary(tmp_path)[0]["cost"] == 2
    assert queries.problems(tmp_path) == told
    assert list(compact(tmp_path).problems) == told
    assert queries.summary(tmp_path)[0]["cost"] == 2
    assert path.exists()  # for whoever can mend it


@pytest.mark.parametrize("seed", range(4))
def test_a_single_flipped_bit_in_a_compacted_file_is_noticed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    write(tmp_path, *(entry("1") for _ in range(50)))
    compact(tmp_path)
    path = compacted(tmp_path)
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    assert queries.summary(tmp_path) == []
    (problem,) = queries.problems(tmp_path)
    assert problem.startswith(f"{path.name}: damaged")


def test_a_damaged_compacted_file_replaces_nothing(tmp_path: Path) -> None:
    segment = write(tmp_path, entry("1"))
    lines = segment.read_bytes()
    compact(tmp_path)
    segment.write_bytes(lines)  # as if it had not been removed yet
    assert queries.summary(tmp_path)[0]["cost"] == 1
    path = compacted(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2"))
    assert queries.summary(tmp_path)[0]["cost"] == 1
    assert len(queries.problems(tmp_path)) == 1
    compact(tmp_path)
    assert not segment.exists()
    assert queries.summary(tmp_path)[0]["cost"] == 1


def test_a_copy_of_a_compacted_file_is_not_counted(tmp_path: Path) -> None:
    write(tmp_path, entry("1"))
    compact(tmp_path)
    path = compacted(tmp_path)
    copy = path.with_name(f"kept-{path.name}")
    copy.write_bytes(path.read_bytes())
    assert queries.summary(tmp_path)[0]["cost"] == 1
    assert queries.problems(tmp_path) == [f"{copy.name}: a copy of another one: skipped"]


def test_a_parquet_file_of_somebody_else_is_left_out(tmp_path: Path) -> None:
    import duckdb

    write(tmp_path, entry("1"))
    compact(tmp_path)
    plain = tmp_path / "compacted" / "plain.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"COPY (SELECT 1 AS id) TO '{plain}'")
    foreign = plain.with_name(f"mine-{digest(plain)}.parquet")
    foreign.write_bytes(plain.read_bytes())
    told, other = queries.problems(tmp_path)
    assert told == f"{foreign.name}: no readable header: skipped"
    assert other.startswith("plain.parquet: damaged")
    assert queries.summary(tmp_path)[0]["cost"] == 1
