"""Daily and monthly caps of a ledger folder: what counts, what is made, when they begin anew."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError, LedgerError, LimitExceededError
from lean_agent.ledger import caps
from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.caps import CapStatus, cap_status, open_shared, set_cap
from lean_agent.ledger.shared import SharedAccount


def opened(folder: Path) -> SharedAccount:
    shared = open_shared(folder, pytest.fail)
    assert shared is not None
    return shared


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


def test_without_a_cap_nothing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    assert open_shared(folder, pytest.fail) is None
    assert cap_status(folder) == []
    set_cap(folder, "day", None, spent=NOTHING)
    assert not folder.exists()


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
    await shared.open(Amount(tokens=5))
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
