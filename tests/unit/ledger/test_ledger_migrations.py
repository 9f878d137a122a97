"""Migrations: files of every older version are read as if they had been written today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from support.ledger_rows import entry, write

from lean_agent.ledger import queries
from lean_agent.ledger.compacted import digest
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.migrations import SCHEMA_VERSION, columns

# As version 1 wrote it, to the byte.
HEADER = '{"schema_version": 1, "created": 1772366400.5, "pid": 4711}\n'
LINE = (
    '{"id":"0f8fad5bd9cb469fa16570867728950e","ts":1772366400.25,"run_id":"run-1","step":2,'
    '"parent_id":null,"task_id":null,"session_id":null,"operation":"chat","purpose":"answer",'
    '"mode":"agent","provider":"openai","model":"big","tool":null,"input_tokens":100,'
    '"uncached_input_tokens":60,"cache_read_input_tokens":40,"cache_creation_input_tokens":0,'
    '"output_tokens":10,"reasoning_output_tokens":0,"cost":"0.0012345","provenance":"measured",'
    '"price_ref":"genai-prices 2026-01-01","attempt":1,"finish_reason":"stop","error_type":null,'
    '"seconds":1.25,"prompt_seconds":0.25,"output_seconds":1.0,"queue_seconds":null}\n'
)
DAY = 86_400


def write_version_1(folder: Path) -> Path:
    path = folder / "segments" / "20260301T120000000000Z-4711-0badcafe.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + LINE)
    return path


def compacted_version_1(folder: Path) -> Path:
    """What version 1 would have compacted that segment to."""
    import duckdb

    path = folder / "compacted" / "new"
    path.parent.mkdir(parents=True)
    names = ", ".join(columns(1))
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"CREATE TABLE t ({', '.join(f'{n} {k}' for n, k in columns(1).items())})"
        )
        values = json.loads(LINE)
        connection.execute(
            f"INSERT INTO t ({names}) VALUES ({', '.join('?' for _ in columns(1))})",
            [values[name] for name in columns(1)],
        )
        connection.execute(
            f"COPY (SELECT *, 'old.jsonl' AS segment FROM t) TO '{path}'"
            " (FORMAT parquet, KV_METADATA {schema_version: '1', replaces: '[\"old.jsonl\"]'})"
        )
    return path.rename(path.with_name(f"20260301T130000000000Z-{digest(path)}.parquet"))


@pytest.mark.parametrize("make", [write_version_1, compacted_version_1])
def test_rows_of_version_1_are_closed_and_billed_at_their_list_price(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    make(tmp_path)
    write(tmp_path, entry("1", run_id="run-2"))
    (row,) = queries.show(tmp_path, "run-1")
    assert row["cost"] == row["list_cost"] == Decimal("0.0012345")
    assert (row["state"], row["saved_tokens"], row["input_tokens"]) == ("closed", 0, 100)
    assert row["error_type"] is None
    assert set(row) == {*columns(), "time"}
    assert queries.summary(tmp_path)[0]["cost"] == Decimal("1.0012345")
    assert queries.problems(tmp_path) == []


def test_compaction_brings_old_rows_up_to_date(tmp_path: Path) -> None:
    compacted_version_1(tmp_path)
    os.utime(write_version_1(tmp_path), (0, time.time() - 2 * DAY))
    write(tmp_path, entry("1", run_id="run-2"))
    before = queries.sql(tmp_path, "select * from entries order by id")
    assert compact(tmp_path).segments == 2
    (path,) = (tmp_path / "compacted").iterdir()
    assert queries.sql(tmp_path, f"select count(state) from '{path}'")[1] == [(2,)]
    assert queries.sql(tmp_path, "select * from entries order by id") == before


def test_a_segment_of_version_1_is_sealed_after_a_quiet_day(tmp_path: Path) -> None:
    # Its writer holds no lock, and may be an older program that is still running.
    path = write_version_1(tmp_path)
    assert compact(tmp_path).segments == 0
    os.utime(path, (0, time.time() - 2 * DAY))
    assert compact(tmp_path).segments == 1
    assert queries.summary(tmp_path)[0]["calls"] == 1


ONE_MORE_STEP = """
import sys, types
from pathlib import Path
import lean_agent.ledger
source = Path(lean_agent.ledger.__path__[0], "migrations.py").read_text()
step = '    {"twice": Added("BIGINT", "2 * step + saved_tokens")},'
newer = source.replace("\\n]\\n\\nSCHEMA_VERSION", f"\\n{step}\\n]\\n\\nSCHEMA_VERSION")
assert newer != source
sys.modules["lean_agent.ledger.migrations"] = module = types.ModuleType("migrations")
exec(newer, module.__dict__)

from lean_agent.ledger import queries
from lean_agent.ledger.compaction import compact
for _ in range(2):
    print(queries.sql(Path(sys.argv[1]), "select step, twice from entries order by step")[1])
    compact(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_new_version_is_one_more_step(tmp_path: Path) -> None:
    write_version_1(tmp_path)
    write(tmp_path, entry("1", run_id="run-2", step=5))
    compact(tmp_path)
    write(tmp_path, entry("1", run_id="run-3", step=7))
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE_STEP, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["[(2, 4), (5, 10), (7, 14)]"] * 2
    # And this version says that it cannot read what that one compacted.
    (problem,) = queries.problems(tmp_path)
    assert f"newer lean-agent (schema version {SCHEMA_VERSION + 1}" in problem
    assert [row["run_id"] for row in queries.runs(tmp_path)] == ["run-1"]
