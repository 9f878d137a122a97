"""One cap, asked by tasks, threads and processes at once: it holds, and the totals are the sums."""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import pytest
from support.budget_spenders import SCOPE, Told, read, spend, start

from lean_agent.ledger.budget import NOTHING
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

PROCESSES = 4


@contextmanager
def watched(path: Path, limit: int) -> Generator[None]:
    """Look at the totals all the time: spent and reserved never pass the cap."""
    done, overruns = Event(), list[int]()

    def watch() -> None:
        store = SqliteBudgetStore(path)
        while not done.wait(0.005):
            totals = store.totals([SCOPE])[SCOPE]
            used = totals.spent.tokens + totals.reserved.tokens
            if used > limit:
                overruns.append(used)
        store.close()

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert overruns == []


def check_totals(path: Path, spent: int, limit: int) -> None:
    store = SqliteBudgetStore(path)
    totals = store.totals([SCOPE])[SCOPE]
    store.close()
    assert totals.reserved == NOTHING
    assert totals.spent.tokens == spent <= limit
    assert totals.spent.usd == Decimal(spent) / 1_000


def together(path: Path, count: int, limit: int, timeout: float) -> None:
    """``count`` reservations, a fifth of them here and the rest in four other processes."""
    share = count // (PROCESSES + 1)
    with watched(path, limit):
        outs = [path.with_suffix(f".{n}") for n in range(1, PROCESSES + 1)]
        others = [start(path, limit, share, seed, out) for seed, out in enumerate(outs, 1)]
        settled = spend(path, limit, share, 0)
        told = [read(process, out, timeout) for process, out in zip(others, outs, strict=True)]
    for each in told:
        assert len(each.settled) + len(each.refused) == share, "all finish"
        assert each.sum == sum(each.settled.values())
    settled += sum(sum(each.settled.values()) for each in told)
    assert any(each.refused for each in told), "or the cap was never reached"
    check_totals(path, settled, limit)


@pytest.mark.slow
def test_a_hundred_reservations_under_one_cap(tmp_path: Path) -> None:
    together(tmp_path / "budgets.sqlite", 100, 300, timeout=60)


@pytest.mark.slow
def test_a_thousand_reservations_under_one_cap(tmp_path: Path) -> None:
    together(tmp_path / "budgets.sqlite", 1_000, 4_000, timeout=120)


@pytest.mark.soak
def test_twenty_thousand_reservations_under_one_cap(tmp_path: Path) -> None:
    together(tmp_path / "budgets.sqlite", 20_000, 80_000, timeout=1_200)


def bounds(told: Told, died: bool) -> tuple[int, int]:
    """The least and the most that a process is charged.

    What it told as settled is charged so. What it held as it died is charged as lost, or as
    settled if that came through before it could be told, or not at all if not even the
    reservation came through before it could be told: one of each at most a thread or task.
    """
    least = most = sum(told.settled.values())
    for number, reserved in told.reserved.items():
        if number not in told.settled:
            assert died
            least += min(reserved, told.settling.get(number, reserved))
            most += reserved
    if died:
        most += 40 * 12  # reserved by one of 4 threads or 8 tasks, and not yet told
    return least, most


def killed(path: Path, count: int, limit: int, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    share = count // PROCESSES
    outs = [path.with_suffix(f".{n}") for n in range(PROCESSES)]
    with watched(path, limit):
        running = [start(path, limit, share, seed + n, out) for n, out in enumerate(outs)]
        for number in draw.sample(range(PROCESSES), kills):
            while not outs[number].stat().st_size:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.05))
            running[number].kill()
        told = [read(p, out, timeout=600) for p, out in zip(running, outs, strict=True)]
    assert any(each.sum is None for each in told), "or nobody died at work"
    ranges = [bounds(each, each.sum is None) for each in told]
    store = SqliteBudgetStore(path)
    totals = store.totals([SCOPE])[SCOPE]
    again = store.totals([SCOPE])[SCOPE]
    store.close()
    assert totals == again, "what was lost is charged once"
    assert totals.reserved == NOTHING
    least, most = sum(low for low, _ in ranges), sum(high for _, high in ranges)
    assert least <= totals.spent.tokens <= min(limit, most)


@pytest.mark.slow
def test_killed_processes_are_charged_what_they_held(tmp_path: Path) -> None:
    killed(tmp_path / "budgets.sqlite", 400, 5_000, kills=2, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25))
def test_random_processes_are_killed(tmp_path: Path, seed: int) -> None:
    killed(tmp_path / "budgets.sqlite", 4_000, 20_000, kills=1 + seed % 3, seed=seed * 10)
