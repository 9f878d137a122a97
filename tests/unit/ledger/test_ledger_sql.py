"""SQL: any question can be asked, and nothing but the ledger read or anything changed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.ledger_rows import entry, write

from lean_agent.errors import LedgerError
from lean_agent.ledger import queries
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.statements import lock


def test_the_view_alone_is_listed(tmp_path: Path) -> None:
    opened = entry("1", state="open")
    write(tmp_path, opened)
    compact(tmp_path)
    write(tmp_path, replace(opened, state="closed"), entry("2"))
    assert queries.sql(tmp_path, "show tables") == (["name"], [("entries",)])
    assert queries.sql(tmp_path, "select sum(cost) from entries")[1] == [(3,)]


def test_sql_sees_columns_times_and_exact_money(tmp_path: Path) -> None:
    write(tmp_path, entry("0.1"), entry("0.2"))
    query = "select day::varchar d, hour(time) h, sum(cost) c from entries group by all"
    columns, rows = queries.sql(tmp_path, query)
    assert columns == ["d", "h", "c"]
    assert rows == [("2026-03-01", 12, Decimal("0.3"))]
    assert queries.sql(tmp_path, "select 1; select 2 as two") == (["two"], [(2,)])


@pytest.mark.parametrize(
    "query",
    ["", "  -- nothing\n", ";", "selec 1", "select nope from entries", "select 'a'::int", "\udc80"],
)
def test_a_wrong_query_is_one_line_and_a_hint(tmp_path: Path, query: str) -> None:
    with pytest.raises(LedgerError) as caught:
        queries.sql(tmp_path, query)
    assert caught.value.message
    assert "\n" not in caught.value.message
    assert "entries" in caught.value.hint


ATTACKS = [
    # Files outside the ledger
    "select * from read_text('{secret}')",
    "select * from read_blob('{secret}')",
    "select * from '{secret}'",
    "select * from read_csv('{secret}')",
    "select * from read_csv(['{parquet}', '{secret}'])",
    "select * from read_json('{secret}')",
    "select * from sniff_csv('{secret}')",
    "select * from parquet_metadata('{secret}')",
    "select * from query('select * from ''{secret}''')",
    "select * from query_table('{secret}')",
    "select (select content from read_text('{secret}'))",
    "with t as (select * from read_text('{secret}')) select * from t",
    "select * from glob('{folder}/*')",
    "select * from '{parquet}/../../../{secret}'",
    "select * from 'https://127.0.0.1/secret.csv'",
    "select * from read_duckdb('{folder}/other.db')",
    "from duckdb_secrets()",
    "select getenv('HOME')",
    # Writing, to the compacted file above all, which DuckDB itself may open
    "copy entries to '{folder}/out.csv'",
    "copy (select 1) to '/dev/stdout'",
    "copy (select 42) to '{parquet}' (format csv, use_tmp_file false)",
    "explain analyze copy (select 42) to '{parquet}' (format csv, use_tmp_file false)",
    "with x as (copy (select 42) to '{parquet}' (format csv, use_tmp_file false)) select 1",
    "with x as (copy (select 42) to '{parquet}' (format csv, use_tmp_file false)) from x",
    "select * from (with x as (copy (select 1) to '{parquet}' (use_tmp_file false)) from x)",
    "select 1; copy (select 42) to '{parquet}' (format csv, use_tmp_file false)",
    "copy loaded from '{parquet}'",
    "attach '{folder}/other.db'",
    "attach '{parquet}'",
    "export database '{folder}/dump'",
    "import database '{folder}/dump'",
    # Settings and everything that is kept
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set temp_directory = '{folder}'",
    "reset lock_configuration",
    "pragma enable_profiling; pragma profiling_output = '{folder}/out.json'",
    "from enable_profiling(save_location = '{parquet}')",
    "call enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "from enable_logging(storage = 'file', storage_path = '{parquet}')",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "call pragma_version()",
    "from checkpoint()",
    "create persistent secret s (type http)",
    "create table t as select 1",
    "create macro f() as table select * from read_text('{secret}')",
    "drop view entries",
    "insert into loaded select * from loaded",
    "with x as (insert into loaded select * from loaded returning *) select * from x",
    "with x as (delete from loaded returning *) select * from x",
    "with x as (update loaded set id = '1' returning *) select * from x",
    "prepare p as copy (select 1) to '{parquet}'",
    "begin",
    "vacuum",
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compacted entry and one in a segment; no test changes anything."""
    folder = tmp_path_factory.mktemp("ledger")
    write(folder, entry("1"))
    compact(folder)
    write(folder, entry("2"))
    return folder


@pytest.mark.parametrize("query", ATTACKS)
def test_sql_reads_no_other_file_and_changes_nothing(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    folder = tmp_path / "outside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    secret = folder / "secret.csv"
    secret.write_text("password\nhunter2\n")
    before = contents(ledger)
    (parquet,) = (ledger / "compacted").iterdir()
    with pytest.raises(LedgerError) as caught:
        queries.sql(ledger, query.format(folder=folder, secret=secret, parquet=parquet))
    assert "hunter2" not in caught.value.message
    assert "\n" not in caught.value.message
    assert list(folder.iterdir()) == [secret]
    assert contents(ledger) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "attack", [each for each in ATTACKS if "{secret}" in each or "{folder}" in each]
)
def test_the_lock_alone_keeps_duckdb_inside_the_ledger(tmp_path: Path, attack: str) -> None:
    import duckdb

    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    parquet = tmp_path / "a.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"COPY (SELECT 1 AS id) TO '{parquet}'")
        connection.execute("CREATE TABLE loaded AS SELECT 1 AS id; CREATE VIEW entries AS SELECT 1")
        lock(connection, [parquet])
        assert connection.execute(f"SELECT * FROM '{parquet}'").fetchall() == [(1,)]
        with contextlib.suppress(duckdb.Error):  # some only define what would read the file
            query = attack.format(folder=tmp_path, secret=secret, parquet=parquet)
            assert "hunter2" not in str(connection.execute(query).fetchall())
            assert "hunter2" not in str(connection.execute("FROM f()").fetchall())
    assert sorted(tmp_path.iterdir()) == [parquet, secret]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "describe entries",
        "summarize entries",
        "from entries select id",
        "select 1; select 2",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) from n",
        "select * from RANGE(3) join entries on true",
        "select unnest([1, 2]), row_number() over (order by ts) from entries union all select 1, 2",
        "select * from (pivot entries on model in ('big') using sum(cost))",
        "unpivot (select input_tokens, output_tokens from entries) on columns(*)",
        "select " + "abs(" * 900 + "1" + ")" * 900,
        "values (1)",
    ],
)
def test_what_only_reads_is_answered(ledger: Path, query: str) -> None:
    columns, rows = queries.sql(ledger, query)
    assert columns
    assert rows


def test_sql_does_not_see_python_s_own_variables(tmp_path: Path) -> None:
    import duckdb

    # DuckDB finds a caller's relation by the variable's name, unless it is shut off.
    with duckdb.connect(":memory:") as connection:
        relation: Any = connection.sql("select 42 as hidden")
        with pytest.raises(LedgerError, match="relation"):
            queries.sql(tmp_path, "select * from relation")
        assert relation.fetchall() == [(42,)]
