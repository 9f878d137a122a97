"""Questions: exact sums, nothing unpriced or self-hosted passed off as free, nothing unreadable."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_agent._semconv import Purpose
from lean_agent.errors import LedgerError
from lean_agent.ledger import queries
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Provenance, Usage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def entry(cost: str | None = "0.5", provenance: Provenance = "measured", **fields: Any) -> Entry:
    usage = Usage(
        input_tokens=100,
        cache_read_input_tokens=40,
        output_tokens=10,
        cost=None if cost is None else Decimal(cost),
        provenance=frozenset([provenance]),
    )
    given_fields: dict[str, Any] = {
        "run_id": "run-a",
        "operation": "chat",
        "purpose": "answer",
        "usage": usage,
        "ts": NOON,
        "provider": "openai",
        "model": "big",
    }
    return Entry(**(given_fields | fields))


def write(folder: Path, *entries: Entry) -> Path:
    """One segment with these entries; its path."""
    before = set((folder / "segments").glob("*"))
    ledger = Ledger(folder)
    for each in entries:
        ledger.append(each)
    ledger.close()
    (path,) = set((folder / "segments").glob("*")) - before
    return path


def test_an_absent_or_empty_ledger_gives_empty_answers(tmp_path: Path) -> None:
    (tmp_path / "empty" / "segments").mkdir(parents=True)
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        assert queries.summary(folder) == []
        assert queries.runs(folder) == []
        assert queries.problems(folder) == []
        assert queries.sql(folder, "select count(*) as n from entries") == (["n"], [(0,)])
        with pytest.raises(LedgerError, match="no run 'x'"):
            queries.show(folder, "x")
    assert not (tmp_path / "absent").exists()


def test_sums_are_exact_and_tell_tokens_apart(tmp_path: Path) -> None:
    write(tmp_path, *[entry("0.1") for _ in range(3)], entry("0.000000000000000001", attempt=2))
    (row,) = queries.summary(tmp_path)
    assert row["model"] == "openai:big"
    assert row["cost"] == row["known_cost"] == Decimal("0.300000000000000001")
    assert (row["calls"], row["retries"], row["unpriced_calls"]) == (4, 1, 0)
    assert (row["input_tokens"], row["output_tokens"]) == (400, 40)
    assert (row["uncached_input_tokens"], row["cache_read_input_tokens"]) == (240, 160)


def test_an_unpriced_call_makes_the_cost_of_its_group_unknown(tmp_path: Path) -> None:
    write(
        tmp_path,
        entry("0.5"),
        entry(None, "unpriced"),
        entry("0.25", model="small"),
    )
    big, small = queries.summary(tmp_path)
    assert (big["cost"], big["known_cost"], big["unpriced_calls"]) == (None, Decimal("0.5"), 1)
    assert (small["cost"], small["unpriced_calls"]) == (Decimal("0.25"), 0)
    (day,) = queries.summary(tmp_path, by="day")
    assert (day["cost"], day["known_cost"], day["unpriced_calls"]) == (None, Decimal("0.75"), 1)


def test_a_cost_that_is_no_number_is_unknown_not_free(tmp_path: Path) -> None:
    path = write(tmp_path, entry("0.5"))
    path.write_text(path.read_text().replace('"cost":"0.5"', '"cost":"half"'))
    (row,) = queries.summary(tmp_path)
    assert (row["cost"], row["unpriced_calls"]) == (None, 1)


def test_self_hosted_calls_are_counted_apart(tmp_path: Path) -> None:
    write(tmp_path, entry("0.5"), entry("0", "self_hosted", provider="local", model="q"))
    (day,) = queries.summary(tmp_path, by="day")
    assert (day["cost"], day["calls"]) == (Decimal("0.5"), 2)
    assert (day["self_hosted_calls"], day["self_hosted_tokens"]) == (1, 110)
    hosted, local = queries.summary(tmp_path)
    assert (hosted["self_hosted_calls"], hosted["self_hosted_tokens"]) == (0, 0)
    assert (local["model"], local["self_hosted_calls"]) == ("local:q", 1)


def test_every_grouping(tmp_path: Path) -> None:
    write(
        tmp_path,
        entry("1", ts=NOON + 86_400, mode="agent", purpose="act"),
        entry("2", mode="agent", run_id="run-b", error_type="model_timeout"),
        entry("0", operation="execute_tool", purpose="tool", tool="t", provider="", model=""),
    )

    def keys(by: Literal["model", "day", "purpose", "run", "mode"]) -> list[Any]:
        return [row[by] for row in queries.summary(tmp_path, by=by)]

    assert keys("model") == ["openai:big", None]
    assert keys("day") == ["2026-03-01", "2026-03-02"]
    assert keys("purpose") == ["answer", "act", "tool"]
    assert keys("run") == ["run-b", "run-a"]
    assert keys("mode") == ["agent", None]
    failed = [row["failed_calls"] for row in queries.summary(tmp_path, by="run")]
    assert failed == [1, 0]
    with pytest.raises(LedgerError, match="cannot sum by 'id'") as caught:
        queries.summary(tmp_path, by="id")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert "model, day" in caught.value.hint


def test_runs_come_newest_first_with_their_totals(tmp_path: Path) -> None:
    for number in range(5):
        run = f"run-{number}"
        write(
            tmp_path,
            entry("1", ts=NOON + number, run_id=run, step=0, purpose="gate", model="small"),
            entry("2", ts=NOON + number + 0.5, run_id=run, step=1, mode="agent"),
            entry(None, ts=NOON + number + 0.25, run_id=run, step=1) if number == 3 else entry(),
        )
    newest, second, third = queries.runs(tmp_path, limit=3)
    assert [row["run_id"] for row in (newest, second, third)] == ["run-4", "run-3", "run-2"]
    assert newest["started_at"] == "2026-03-01T12:00:04.000000Z"
    assert newest["mode"] == "agent"
    assert newest["models"] == ["openai:big", "openai:small"]
    assert (newest["steps"], newest["calls"], newest["cost"]) == (1, 2, Decimal(3))
    assert (second["calls"], second["cost"], second["unpriced_calls"]) == (3, None, 1)


def test_a_run_is_shown_by_a_prefix_that_fits_no_other(tmp_path: Path) -> None:
    runs = ("abc1", "abc2", "abc", "xyz_1", "xyz%2")
    write(tmp_path, *(entry(run_id=run, ts=NOON - n) for n, run in enumerate(runs)))
    write(tmp_path, entry("0.25", run_id="abc2", ts=NOON - 100, step=7))

    first, second = queries.show(tmp_path, "abc2")
    assert (first["step"], first["cost"]) == (7, Decimal("0.25"))
    assert first["time"] == "2026-03-01T11:58:20.000000Z"
    assert second["ts"] == NOON - 1
    assert set(first) == set(entry().to_row()) | {"time"}
    assert queries.show(tmp_path, "xyz_")[0]["run_id"] == "xyz_1"
    assert queries.show(tmp_path, "abc")[0]["run_id"] == "abc"  # exact, though others begin so
    with pytest.raises(LedgerError, match="several runs begin with 'ab'") as caught:
        queries.show(tmp_path, "ab")
    assert "abc, abc1, abc2" in caught.value.hint
    for unknown in ("nope", "", "%", "abc'--", "\udc80"):
        with pytest.raises(LedgerError, match="has no run") as caught:
            queries.show(tmp_path, unknown)
        assert "ledger runs" in caught.value.hint


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals(0, 10**6, places=18) | st.none(),
            st.sampled_from(get_args(Purpose)),
            st.integers(0, 10**9),
        ),
        max_size=30,
    )
)
def test_totals_equal_the_sum_of_the_rows(rows: list[tuple[Decimal | None, Purpose, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger(folder)
        for cost, purpose, tokens in rows:
            usage = Usage(input_tokens=tokens, cost=cost)
            ledger.append(Entry(run_id="r", operation="chat", purpose=purpose, usage=usage))
        ledger.close()
        groups = {row["purpose"]: row for row in queries.summary(folder, by="purpose")}

    assert set(groups) == {purpose for _, purpose, _ in rows}
    for purpose, group in groups.items():
        costs = [cost for cost, of, _ in rows if of == purpose]
        known = [cost for cost in costs if cost is not None]
        assert group["known_cost"] == sum(known, Decimal(0))
        assert group["cost"] == (sum(known, Decimal(0)) if len(known) == len(costs) else None)
        assert group["calls"] == len(costs)
        assert group["input_tokens"] == sum(tokens for _, of, tokens in rows if of == purpose)


# Damage


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


@pytest.mark.parametrize("keep", range(0, 400, 23))
def test_a_segment_cut_anywhere_can_be_read(tmp_path: Path, keep: int) -> None:
    whole = write(tmp_path, entry("1"), entry("2"))
    whole.write_bytes(whole.read_bytes()[:keep])
    write(tmp_path, entry("4"))
    (row,) = queries.summary(tmp_path)
    assert row["cost"] == Decimal(4)
    problems = queries.problems(tmp_path)
    assert len(problems) == (keep > 0)
    assert all(whole.name in problem and "skipped" in problem for problem in problems)


def test_a_segment_of_a_newer_version_is_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"))
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    write(tmp_path, entry("2"))
    assert queries.summary(tmp_path)[0]["cost"] == Decimal(2)
    (problem,) = queries.problems(tmp_path)
    assert path.name in problem
    assert "newer lean-agent (schema version 2, this one reads 1" in problem


@pytest.mark.parametrize("header", ["", "[]", '{"schema_version": "1"}', "{}", "null", "x" * 9000])
def test_a_segment_without_a_header_is_left_out_and_told(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, entry("1"))
    path.write_text(header + "\n" + path.read_text().partition("\n")[2])
    assert queries.summary(tmp_path) == []
    assert queries.problems(tmp_path) == [f"{path.name}: no readable header: skipped"]


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


# SQL


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


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from read_csv('{secret}')",
        "select * from read_json('{secret}')",
        "select * from glob('{folder}/*')",
        "copy entries to '{folder}/out.csv'",
        "copy (select 1) to '/dev/stdout'",
        "attach '{folder}/other.db'",
        "export database '{folder}/dump'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set temp_directory = '{folder}'",
        "pragma enable_profiling; pragma profiling_output = '{folder}/out.json'",
        "call enable_logging(storage = 'file', storage_path = '{folder}/log')",
        "create persistent secret s (type http)",
    ],
)
def test_sql_reads_no_other_file_and_writes_none(tmp_path: Path, query: str) -> None:
    folder = tmp_path / "outside"
    folder.mkdir()
    secret = folder / "secret.csv"
    secret.write_text("password\nhunter2\n")
    write(tmp_path / "ledger", entry())
    with pytest.raises(LedgerError) as caught:
        queries.sql(tmp_path / "ledger", query.format(folder=folder, secret=secret))
    assert "hunter2" not in caught.value.message
    assert list(folder.iterdir()) == [secret]


def test_sql_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, entry("1"))
    before = path.read_bytes()
    queries.sql(tmp_path, "drop view entries; create table entries as select 1 as id")
    assert path.read_bytes() == before
    assert queries.summary(tmp_path)[0]["cost"] == Decimal(1)


def test_sql_does_not_see_python_s_own_variables(tmp_path: Path) -> None:
    import duckdb

    # DuckDB finds a caller's relation by the variable's name, unless it is shut off.
    with duckdb.connect(":memory:") as connection:
        relation: Any = connection.sql("select 42 as hidden")
        with pytest.raises(LedgerError, match="relation"):
            queries.sql(tmp_path, "select * from relation")
        assert relation.fetchall() == [(42,)]
