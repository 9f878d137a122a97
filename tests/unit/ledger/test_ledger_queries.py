"""Questions: exact sums; what is unpriced, self-hosted or unfinished is shown as such."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ledger_rows import NOON, entry, run_row, write

from lean_agent._semconv import Purpose
from lean_agent.errors import LedgerError
from lean_agent.ledger import queries
from lean_agent.ledger.compaction import compact
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage


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


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals(0, 10**6, places=18) | st.none(),
            st.sampled_from([purpose for purpose in get_args(Purpose) if purpose != "run"]),
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


def test_a_call_counts_once_and_closed_rather_than_open(tmp_path: Path) -> None:
    done, in_flight = entry("0.5", state="open"), entry("0.25", state="open", model="slow")
    closed = replace(done, state="closed", usage=replace(done.usage, cost=Decimal(2)))
    for last in (write(tmp_path, done, in_flight, closed), write(tmp_path, done)):
        big, slow = queries.summary(tmp_path)
        assert last.exists()
        assert (big["calls"], big["cost"], big["unfinished_calls"]) == (1, Decimal(2), 0)
        assert (slow["calls"], slow["cost"], slow["unfinished_calls"]) == (1, Decimal("0.25"), 1)
        assert slow["failed_calls"] == 0
    seen = {row["model"]: (row["state"], row["error_type"]) for row in queries.show(tmp_path, "r")}
    assert seen == {"big": ("closed", None), "slow": ("open", "unfinished")}


def test_the_list_price_is_summed_beside_the_bill(tmp_path: Path) -> None:
    tool: dict[str, Any] = {"model": "", "provider": "", "list_cost": None, "tool": "search"}
    write(
        tmp_path,
        entry("0.5", list_cost=Decimal("0.75")),
        entry("0", "served", list_cost=Decimal("0.25"), saved_tokens=110),
        entry("0", purpose="tool", operation="execute_tool", **tool),
        entry("1", model="odd", list_cost=None),
    )
    odd, big, tools = queries.summary(tmp_path)
    assert (big["cost"], big["list_cost"], big["saved_tokens"]) == (Decimal("0.5"), 1, 110)
    assert (odd["cost"], odd["list_cost"]) == (1, None)
    assert (tools["cost"], tools["list_cost"]) == (0, 0)


def test_a_run_s_own_row_tells_how_it_went_and_is_no_call(tmp_path: Path) -> None:
    write(
        tmp_path,
        entry("1", run_id="old", ts=NOON - 1, seconds=3.0),
        run_row("done", state="open"),
        entry("1", run_id="done", ts=NOON + 1, seconds=3.0),
        run_row("done", finish_reason="limit_exceeded", seconds=7.5),
        run_row("done", id="part 2", ts=NOON + 5, finish_reason="answered", seconds=2.5),
        run_row("cut", ts=NOON + 9, state="open", mode="agent"),
    )
    cut, done, old = queries.runs(tmp_path)
    assert [row["run_id"] for row in (cut, done, old)] == ["cut", "done", "old"]
    assert [row["status"] for row in (cut, done, old)] == ["unfinished", "answered", None]
    assert [row["wall_seconds"] for row in (cut, done, old)] == [None, 10.0, None]
    assert [row["calls"] for row in (cut, done, old)] == [0, 1, 1]
    assert [row["seconds"] for row in (cut, done, old)] == [0, 3.0, 3.0]
    assert (cut["mode"], cut["models"], cut["cost"], cut["list_cost"]) == ("agent", [], 0, 0)
    assert cut["started_at"] == "2026-03-01T12:00:09.000000Z"
    assert [(row["run"], row["calls"]) for row in queries.summary(tmp_path, by="run")] == [
        ("done", 1),
        ("old", 1),
    ]
    assert [row["purpose"] for row in queries.show(tmp_path, "done")] == ["run", "answer", "run"]


def test_a_period_begins_with_since_and_ends_before_until(tmp_path: Path) -> None:
    write(tmp_path, *(entry("1", run_id=f"r{n}", ts=NOON + n) for n in range(4)))
    write(tmp_path, entry("8", run_id="r1", ts=NOON + 9), entry("16", ts=float("nan")))

    def cost(since: float | None, until: float | None) -> Decimal:
        groups = queries.summary(tmp_path, since=since, until=until)
        return sum((row["cost"] for row in groups), Decimal(0))

    assert cost(None, None) == 28
    assert cost(NOON + 1, NOON + 3) == 2
    assert cost(NOON + 3, None) == 9
    assert cost(None, NOON) == 0
    started = queries.runs(tmp_path, since=NOON + 1, until=NOON + 3)
    assert [(row["run_id"], row["cost"]) for row in started] == [("r2", 1), ("r1", 9)]
    assert queries.spent(tmp_path, since=NOON + 3) == (Decimal(9), 220)
    assert queries.spent(tmp_path, since=NOON, until=NOON + 1) == (Decimal(1), 110)
    assert queries.spent(tmp_path / "absent", since=0) == (Decimal(0), 0)


@pytest.mark.slow
def test_compacting_changes_no_answer(tmp_path: Path) -> None:
    write(tmp_path, *(entry("0.1", ts=NOON + n, step=n % 3, run_id=f"r{n % 4}") for n in range(50)))
    write(tmp_path, entry(None), entry("3", "self_hosted"), entry("1", state="open"), run_row("r1"))

    def answers() -> list[Any]:
        keys: tuple[queries.By, ...] = get_args(queries.By)
        return [
            *(queries.summary(tmp_path, by=by) for by in keys),
            queries.runs(tmp_path),
            queries.show(tmp_path, "r1"),
            queries.spent(tmp_path, since=NOON + 10),
            queries.sql(tmp_path, "select * from entries order by id"),
        ]

    before = answers()
    assert compact(tmp_path).entries == 54
    assert answers() == before


def test_a_clock_set_back_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)
    for number in range(40):
        earlier = f"{9999 - number}"
        monkeypatch.setattr(
            "lean_agent.ledger.segments.file_stamp", lambda earlier=earlier: earlier
        )
        ledger.append(entry(run_id=f"r{number}", ts=NOON - 3600 * number))
        if number % 10 == 9:
            ledger.close()
        if number == 19:
            compact(tmp_path)
    assert [row["run_id"] for row in queries.runs(tmp_path, limit=2)] == ["r0", "r1"]
    assert [(row["day"], row["calls"]) for row in queries.summary(tmp_path, by="day")] == [
        ("2026-02-27", 3),
        ("2026-02-28", 24),
        ("2026-03-01", 13),
    ]
