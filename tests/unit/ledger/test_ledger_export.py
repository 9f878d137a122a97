"""Exports: every entry, exact money, whole files or none, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.ledger_rows import NOON, entry, run_row, write

from lean_agent.errors import LedgerError
from lean_agent.ledger import queries
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.exporting import ExportFormat

COST = "1234567890.000000000000000001"
FORMATS: tuple[ExportFormat, ...] = ("parquet", "csv", "jsonl")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    write(folder, entry(COST, step=1), entry(None, step=2, ts=NOON + 0.25))
    compact(folder)
    write(folder, entry("10", step=3, state="open"), entry("0", step=4), run_row("r", step=5))
    return folder


def read(path: Path, kind: ExportFormat) -> list[dict[str, Any]]:
    if kind == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    import duckdb

    with duckdb.connect(":memory:") as connection:
        result = connection.execute("FROM parquet_scan($path)", {"path": str(path)})
        names = [str(column[0]) for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_entry_is_there_with_its_exact_cost(
    ledger: Path, tmp_path: Path, kind: ExportFormat
) -> None:
    path = tmp_path / f"it's here.{kind}"
    path.write_text("what was there before")
    assert queries.export(ledger, path, kind) == 5
    rows = sorted(read(path, kind), key=lambda row: int(row["step"]))
    columns, _ = queries.sql(ledger, "select * from entries")
    assert set(rows[0]) == set(columns)
    costs = [None if row["cost"] in {None, ""} else Decimal(row["cost"]) for row in rows]
    assert costs == [Decimal(COST), None, Decimal(10), Decimal(0), Decimal(0)]
    assert rows[2]["error_type"] == "unfinished"
    assert str(rows[1]["time"]).replace("T", " ").startswith("2026-03-01 12:00:00.25")
    assert list(tmp_path.glob(".*")) == []
    if kind != "parquet":
        assert [rows[0]["cost"], rows[2]["cost"], rows[3]["cost"]] == [COST, "10", "0"]


def test_an_empty_ledger_is_an_empty_file(tmp_path: Path) -> None:
    for kind in FORMATS:
        path = tmp_path / kind
        assert queries.export(tmp_path / "absent", path, kind) == 0
        assert read(path, kind) == []


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")']


def test_no_text_becomes_a_formula_in_csv_and_others_are_exact(tmp_path: Path) -> None:
    texts = [*FORMULAS, "plain", "a=b", "O'Neill", 'comma, "quote"\nline', ""]
    write(tmp_path / "ledger", *(entry(tool=text, step=n) for n, text in enumerate(texts)))
    shown = {}
    for kind in FORMATS:
        queries.export(tmp_path / "ledger", tmp_path / kind, kind)
        rows = sorted(read(tmp_path / kind, kind), key=lambda row: int(row["step"]))
        shown[kind] = [row["tool"] for row in rows]
    assert shown["parquet"] == shown["jsonl"] == texts
    assert shown["csv"] == [*(f"'{text}" for text in FORMULAS), *texts[len(FORMULAS) :]]


@pytest.mark.parametrize(
    "name", ["out.csv", "segments/x.jsonl", "../ledger/out.csv", "link/out.csv"]
)
def test_nothing_is_exported_into_the_ledger(ledger: Path, tmp_path: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in ledger.rglob("*") if path.is_file()}
    path = ledger / name
    if name.startswith("link"):
        (tmp_path / "link").symlink_to(ledger)
        path = tmp_path / name
    with pytest.raises(LedgerError, match="inside the ledger"):
        queries.export(ledger, path, "csv")
    assert {path: path.read_bytes() for path in ledger.rglob("*") if path.is_file()} == before


def test_what_cannot_be_exported_is_one_line(ledger: Path, tmp_path: Path) -> None:
    unknown: Any = "xlsx"
    with pytest.raises(LedgerError, match="cannot export as 'xlsx'") as caught:
        queries.export(ledger, tmp_path / "x", unknown)
    assert caught.value.hint == "one of: parquet, csv, jsonl"
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "absent" / "x"):
        with pytest.raises(LedgerError) as caught:
            queries.export(ledger, path, "csv")
        assert "\n" not in caught.value.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "ledger"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_pipe_gets_the_entries_and_stays_a_pipe(
    ledger: Path, tmp_path: Path, kind: ExportFormat
) -> None:
    pipe, link, got = tmp_path / "pipe", tmp_path / "link", tmp_path / "got"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for place in (pipe, link):
        reader = threading.Thread(target=lambda: got.write_bytes(pipe.read_bytes()), daemon=True)
        reader.start()
        assert queries.export(ledger, place, kind) == 5
        reader.join(10)
        assert len(read(got, kind)) == 5
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["got", "ledger", "link", "pipe"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(
    ledger: Path, tmp_path: Path, there: bool
) -> None:
    (tmp_path / "elsewhere").mkdir()
    place, link, second = tmp_path / "elsewhere" / "out", tmp_path / "link", tmp_path / "second"
    if there:
        place.write_text("earlier")
    link.symlink_to("elsewhere/out")
    second.symlink_to(link)
    assert queries.export(ledger, second, "jsonl") == 5
    assert len(read(place, "jsonl")) == 5
    assert link.readlink() == Path("elsewhere/out")
    assert second.readlink() == link
    assert [path.name for path in place.parent.iterdir()] == ["out"]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no /dev/shm")
def test_a_link_below_dev_is_a_link_as_anywhere(ledger: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as name:
        place, link = Path(name, "out"), Path(name, "link")
        place.write_text("earlier")
        link.symlink_to("out")
        assert queries.export(ledger, link, "parquet") == 5
        assert len(read(place, "parquet")) == 5


def test_links_in_a_circle_are_one_line(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(LedgerError, match="a cannot be written \\(Too many levels"):
        queries.export(ledger, tmp_path / "a", "csv")


@pytest.mark.slow
@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_its_name_keeps_what_a_file_has(
    ledger: Path, tmp_path: Path, device: str
) -> None:
    code = "import sys; from pathlib import Path; from lean_agent.ledger.queries import export\n"
    code += "export(Path(sys.argv[1]), Path(sys.argv[2]), 'jsonl')"
    command = [sys.executable, "-c", code, str(ledger), device]
    piped = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert len(piped.splitlines()) == 5
    out = tmp_path / "out"
    out.write_text("earlier\n")
    with out.open("a") as file:
        subprocess.run(command, stdout=file, check=True)
    assert out.read_bytes() == b"earlier\n" + piped


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_the_earlier_export(
    ledger: Path, tmp_path: Path, kind: ExportFormat
) -> None:
    (tmp_path / "out").write_text("earlier")
    write(ledger, *(entry(run_id=f"{n}") for n in range(500)))
    code = """
import resource, sys
from pathlib import Path
from lean_agent.errors import LedgerError
from lean_agent.ledger.queries import export
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    export(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
except LedgerError as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(ledger), str(tmp_path / "out"), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert (tmp_path / "out").read_text() == "earlier"
    assert list(tmp_path.glob(".*")) == []
