"""Daily and monthly caps of a ledger folder: what counts, what is made, when they begin anew."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from lean_agent._files import write_whole
from lean_agent.errors import ConfigurationError, LedgerError, LimitExceededError
from lean_agent.ledger import caps, queries
from lean_agent.ledger.budget import NOTHING, Amount, Budget, Remaining
from lean_agent.ledger.budget_store import Totals
from lean_agent.ledger.caps import CapStatus, cap_status, open_shared, set_cap
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.shared import SharedAccount
from lean_agent.usage import Usage


def opened(folder: Path) -> SharedAccount:
    return open_shared(folder, pytest.fail)


async def spend(folder: Path, tokens: int) -> None:
    shared = opened(folder)
    reservation = await shared.reserve(Amount(tokens=tokens), lost=NOTHING)
    await reservation.settle(Amount(tokens=tokens))
    await shared.close()


def day(folder: Path) -> CapStatus:
    (status,) = cap_status(folder)
    return status


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Its one element is what the caps take for now."""
    now = [datetime(2026, 3, 31, 23, 50, tzinfo=UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return now[0].astimezone(tz)

    monkeypatch.setattr(caps, "datetime", Clock)
    return now


async def test_without_a_cap_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(_thread: threading.Thread) -> None:
        pytest.fail("a thread")

    monkeypatch.setattr(threading.Thread, "start", started)
    folder = tmp_path / "ledger"
    shared = opened(folder)
    await shared.open(lambda _: pytest.fail("a slice of nothing"))
    assert await shared.remaining() == Remaining()
    held = await shared.reserve(Amount(tokens=5), lost=NOTHING)
    await held.settle(Amount(tokens=5))
    assert not await shared.worth_waiting(lambda _left: False, final=True)
    await shared.close()
    assert cap_status(folder) == []
    set_cap(folder, "day", None, spent=NOTHING)
    assert not folder.exists()


def entry(
    ledger: Ledger, row: str, tokens: int, *, state: Literal["open", "closed"] = "closed"
) -> None:
    used = Usage(input_tokens=tokens)
    known: dict[str, Any] = {"id": row, "ts": time.time(), "operation": "chat", "purpose": "act"}
    ledger.append(Entry(run_id="r", usage=used, state=state, **known))


async def test_a_first_cap_holds_runs_under_way_and_counts_their_calls_once(tmp_path: Path) -> None:
    ledger, shared = Ledger(tmp_path), opened(tmp_path)
    await shared.open(lambda left: Amount(tokens=(left.tokens or 0) // 4))
    entry(ledger, "killed", 9, state="open")
    entry(ledger, "ended", 20)
    calls = [await shared.reserve(Amount(tokens=50), lost=NOTHING) for _ in range(2)]
    for number in range(2):
        entry(ledger, f"call {number}", 5, state="open")
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=9 + 20 + 5 + 5))
    under_it = await shared.reserve(Amount(tokens=10), lost=Amount(tokens=7))
    entry(ledger, "under it", 7, state="open")
    for number, call in enumerate(calls):
        entry(ledger, f"call {number}", 15)
        await call.settle(Amount(tokens=15))
    assert day(tmp_path).totals.spent.tokens == 9 + 20 + 15 + 15
    entry(ledger, "under it", 8)
    await under_it.settle(Amount(tokens=8))
    assert day(tmp_path).totals.spent.tokens == 67 == queries.spent(tmp_path, since=0)[1]
    assert (await shared.remaining()).tokens == 33 - 33 // 4, "all but the slice for its answer"
    with pytest.raises(LimitExceededError):
        await shared.reserve(Amount(tokens=34), lost=NOTHING)
    await shared.close()
    assert day(tmp_path).totals.reserved == NOTHING
    ledger.close()


async def test_a_call_that_ends_while_the_first_cap_is_being_set_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)

    def just_before(path: Path, text: str) -> None:
        entry(ledger, "a call", 30)
        write_whole(path, text)

    monkeypatch.setattr(caps, "write_whole", just_before)
    set_cap(tmp_path, "day", Budget(tokens=100), spent=NOTHING)
    assert day(tmp_path).totals.spent.tokens == 30
    ledger.close()


async def test_a_call_of_the_day_before_does_not_count_in_this_one(
    tmp_path: Path, clock: list[datetime]
) -> None:
    clock[0] = datetime.now(UTC)
    set_cap(tmp_path, "day", Budget(tokens=100), spent=NOTHING)
    shared = opened(tmp_path)
    held = await shared.reserve(Amount(tokens=50), lost=NOTHING)
    clock[0] += timedelta(days=1)
    await held.settle(Amount(tokens=50))
    await shared.close()
    assert day(tmp_path).totals == Totals()


def test_looking_for_caps_is_quick_where_there_are_none(tmp_path: Path) -> None:
    best = min(_seconds(lambda: open_shared(tmp_path, pytest.fail)) for _ in range(2_000))
    assert best < 50e-6


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def test_what_was_spent_before_the_cap_counts(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(usd="2", tokens=100), spent=Amount(usd=Decimal(1), tokens=70))
    assert day(tmp_path).totals.spent == Amount(usd=Decimal(1), tokens=70)
    shared = opened(tmp_path)
    assert (await shared.remaining()).tokens == 30
    with pytest.raises(LimitExceededError, match="tokens"):
        await shared.reserve(Amount(tokens=31), lost=NOTHING)
    await shared.close()


async def test_setting_a_cap_again_counts_nothing_twice(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=50))
    await spend(tmp_path, 20)
    set_cap(tmp_path, "day", Budget(tokens=200), spent=Amount(tokens=70))
    status = day(tmp_path)
    assert status.limit == Budget(tokens=200)
    assert status.totals.spent.tokens == 70


async def test_a_cap_set_anew_counts_what_was_spent_without_it(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=10))
    await spend(tmp_path, 20)
    set_cap(tmp_path, "day", None, spent=NOTHING)
    assert cap_status(tmp_path) == []
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=75))
    assert day(tmp_path).totals.spent.tokens == 75
    set_cap(tmp_path, "day", None, spent=NOTHING)
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=60))
    assert day(tmp_path).totals.spent.tokens == 75, "what is counted is never forgotten"


async def test_a_run_under_way_keeps_to_a_changed_cap(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=NOTHING)
    shared = opened(tmp_path)
    assert (await shared.remaining()).tokens == 100
    set_cap(tmp_path, "day", Budget(tokens=40), spent=NOTHING)
    assert (await shared.remaining()).tokens == 40
    set_cap(tmp_path, "day", None, spent=NOTHING)
    assert (await shared.remaining()).tokens is None
    await shared.close()


async def test_two_runs_of_one_process_share_the_cap(tmp_path: Path) -> None:
    set_cap(tmp_path, "month", Budget(tokens=100), spent=NOTHING)
    one, other = opened(tmp_path), opened(tmp_path)
    held = await one.reserve(Amount(tokens=60), lost=NOTHING)
    with pytest.raises(LimitExceededError):
        await other.reserve(Amount(tokens=60), lost=NOTHING)
    await other.close()
    await held.settle(Amount(tokens=60))
    await one.close()
    (status,) = cap_status(tmp_path)
    assert (status.totals.spent.tokens, status.totals.reserved.tokens) == (60, 0)


async def test_caps_of_a_day_and_a_month_hold_together(tmp_path: Path) -> None:
    set_cap(tmp_path, "month", Budget(tokens=50), spent=NOTHING)
    set_cap(tmp_path, "day", Budget(tokens=100), spent=NOTHING)
    await spend(tmp_path, 30)
    assert [(s.period, s.totals.spent.tokens) for s in cap_status(tmp_path)] == [
        ("day", 30),
        ("month", 30),
    ]
    shared = opened(tmp_path)
    assert (await shared.remaining()).tokens == 20
    await shared.close()


async def test_money_is_kept_as_it_was_written(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(usd=Decimal("1E-9")), spent=Amount(usd=Decimal("1E-10")))
    status = day(tmp_path)
    assert (status.limit.usd, status.totals.spent.usd) == (Decimal("1E-9"), Decimal("1E-10"))
    shared = opened(tmp_path)
    assert (await shared.remaining()).usd == Decimal("9E-10")
    await shared.close()


@pytest.mark.parametrize(
    "limit", [Budget(), Budget(steps=1), Budget(tool_calls=1), Budget(tokens=1, seconds=1)]
)
def test_a_cap_limits_dollars_and_tokens_only(tmp_path: Path, limit: Budget) -> None:
    with pytest.raises(ConfigurationError):
        set_cap(tmp_path, "day", limit, spent=NOTHING)
    assert list(tmp_path.iterdir()) == []


async def test_a_day_begins_anew_while_a_run_goes_on(tmp_path: Path, clock: list[datetime]) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=90))
    set_cap(tmp_path, "month", Budget(tokens=1_000), spent=Amount(tokens=900))
    before = cap_status(tmp_path)
    assert [s.scope for s in before] == ["day:2026-03-31", "month:2026-03"]
    assert {s.resets_at for s in before} == {datetime(2026, 4, 1, tzinfo=UTC)}
    shared = opened(tmp_path)
    await shared.open(lambda _: Amount(tokens=5))
    assert (await shared.remaining()).tokens == 5
    held = await shared.reserve(Amount(tokens=4), lost=NOTHING)
    clock[0] += timedelta(minutes=20)
    assert (await shared.remaining()).tokens == 95, "the new day's, but for the slice"
    await (await shared.reserve(Amount(tokens=80), lost=NOTHING)).settle(Amount(tokens=80))
    await held.settle(Amount(tokens=4))
    await shared.close()
    after = cap_status(tmp_path)
    assert [(s.scope, s.totals.spent.tokens) for s in after] == [
        ("day:2026-04-01", 80),
        ("month:2026-04", 80),
    ]
    assert all(s.totals.reserved == NOTHING for s in after)
    clock[0] -= timedelta(minutes=20)
    assert [s.totals.spent.tokens for s in cap_status(tmp_path)] == [94, 904]
    assert all(s.totals.reserved == NOTHING for s in cap_status(tmp_path))


async def test_a_clock_that_goes_back_over_midnight_finds_its_day_as_it_was(
    tmp_path: Path, clock: list[datetime]
) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=Amount(tokens=90))
    clock[0] += timedelta(minutes=20)
    await spend(tmp_path, 50)
    clock[0] -= timedelta(minutes=20)
    shared = opened(tmp_path)
    with pytest.raises(LimitExceededError, match="111"):
        await shared.reserve(Amount(tokens=21), lost=NOTHING)
    await shared.close()
    clock[0] += timedelta(minutes=20)
    assert day(tmp_path).totals.spent.tokens == 50


def test_a_limit_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(tokens=1), spent=NOTHING)
    (limit,) = (tmp_path / "caps").iterdir()
    limit.write_text("{")
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        open_shared(tmp_path, pytest.fail)
    assert "budget set day" in caught.value.hint
    set_cap(tmp_path, "day", Budget(tokens=2), spent=NOTHING)
    assert day(tmp_path).limit == Budget(tokens=2)


def test_files_are_the_users_own(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        set_cap(tmp_path / "ledger", "day", Budget(tokens=1), spent=Amount(tokens=1))
    finally:
        os.umask(before)
    for path in (tmp_path / "ledger").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("_round", range(5))
def test_many_at_once_make_the_first_file_and_count_once(tmp_path: Path, _round: int) -> None:
    at_once = threading.Barrier(8)

    def one(_number: int) -> None:
        at_once.wait(timeout=10)
        set_cap(tmp_path, "day", Budget(tokens=5), spent=Amount(tokens=3))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert day(tmp_path).totals.spent.tokens == 3


async def test_a_cap_for_ever_counts_all_there_is_and_never_begins_anew(
    tmp_path: Path, clock: list[datetime]
) -> None:
    set_cap(tmp_path, "ever", Budget(tokens=100), spent=Amount(tokens=70))
    shared = opened(tmp_path)
    held = await shared.reserve(Amount(tokens=20), lost=NOTHING)
    await held.settle(Amount(tokens=20))
    clock[0] += timedelta(days=399)
    assert (await shared.remaining()).tokens == 10
    with pytest.raises(LimitExceededError, match="101 of 100 in all"):
        await shared.reserve(Amount(tokens=11), lost=NOTHING)
    await shared.close()
    (status,) = cap_status(tmp_path)
    assert (status.period, status.scope, status.resets_at) == ("ever", "ever", None)
