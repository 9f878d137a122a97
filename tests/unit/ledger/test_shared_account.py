"""One run's share in caps: what is cancelled, fails or ends twice leaves the totals right."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from support.dict_budgets import DictBudgetStore, Shelf

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import Cap, Totals
from lean_agent.ledger.fallback_store import FallbackStore
from lean_agent.ledger.shared import SharedAccount
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore


def tokens(count: int) -> Amount:
    return Amount(tokens=count)


class Gated(DictBudgetStore):
    """Each call waits while the gate is shut, and fails while the store is broken."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        super().__init__(shelf or Shelf())
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.broken = False
        self.closed = 0

    def _pass(self) -> None:
        self.entered.set()
        assert self.gate.wait(timeout=10)
        if self.broken:
            raise LedgerError("the disk is full")

    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        self._pass()
        return super().reserve(caps, amount, **rest)

    def settle(self, reservation: str, actual: Amount) -> None:
        self._pass()
        super().settle(reservation, actual)

    def count_at_least(self, scope: str, spent: Amount) -> None:
        self._pass()
        super().count_at_least(scope, spent)

    def totals(self, scopes: Sequence[str]) -> Mapping[str, Totals]:
        self._pass()
        return super().totals(scopes)

    def close(self) -> None:
        self.closed += 1
        super().close()

    @property
    def day(self) -> Totals:
        return self._shelf.totals["day"]


def account(
    store: DictBudgetStore | SqliteBudgetStore | FallbackStore,
    limit: int | None = 100,
    notify: Callable[[str], None] = lambda _: None,
) -> SharedAccount:
    return SharedAccount(store, lambda: [Cap("day", Budget(tokens=limit))], notify=notify)


async def cancelled_inside(store: Gated, work: Any, times: int = 1) -> None:
    """Cancel ``work`` while the store is at it; the store goes on only after that."""
    store.gate.clear()
    store.entered.clear()
    task = asyncio.ensure_future(work)
    assert await asyncio.to_thread(store.entered.wait, 10)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.002)
    store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_reserving_settling_and_refunding() -> None:
    store = Gated()
    subject = account(store)
    reservation = await subject.reserve(tokens(60), lost=NOTHING)
    assert (await subject.remaining()).tokens == 40
    with pytest.raises(LimitExceededError, match="tokens"):
        await subject.reserve(tokens(41), lost=NOTHING)
    await reservation.settle(tokens(10))
    await (await subject.reserve(tokens(90), lost=NOTHING)).refund()
    await subject.close()
    assert store.day == Totals(tokens(10))
    assert store.closed == 1


async def test_a_reservation_is_charged_once() -> None:
    store = Gated()
    subject = account(store)
    reservation = await subject.reserve(tokens(10), lost=NOTHING)
    await reservation.settle(tokens(5))
    for again in (reservation.settle(tokens(5)), reservation.refund()):
        with pytest.raises(LedgerError, match="already"):
            await again
    assert store.day == Totals(tokens(5))
    await subject.close()


async def test_an_amount_that_is_none_is_the_callers_fault_not_the_stores() -> None:
    told: list[str] = []
    subject = account(Gated(), notify=told.append)
    with pytest.raises(LedgerError, match="cannot reserve"):
        await subject.reserve(tokens(-1), lost=NOTHING)
    reservation = await subject.reserve(tokens(1), lost=NOTHING)
    with pytest.raises(LedgerError, match="cannot settle"):
        await reservation.settle(tokens(-1))
    await reservation.settle(tokens(1))
    await subject.close()
    assert told == []


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_reservation_is_given_back(times: int) -> None:
    store = Gated()
    subject = account(store)
    await cancelled_inside(store, subject.reserve(tokens(60), lost=tokens(50)), times)
    await subject.close()
    assert store.day == Totals()


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_settlement_is_charged_once(times: int) -> None:
    store = Gated()
    subject = account(store)
    reservation = await subject.reserve(tokens(60), lost=tokens(50))
    await cancelled_inside(store, reservation.settle(tokens(20)), times)
    await subject.close()
    assert store.day == Totals(tokens(20))


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_opening_holds_nothing(times: int) -> None:
    store = Gated()
    subject = account(store)
    await cancelled_inside(store, subject.open(lambda _: tokens(30)), times)
    assert store.day == Totals()
    await subject.close()


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_close_closes(times: int) -> None:
    store = Gated()
    subject = account(store)
    await subject.open(lambda _: tokens(30))
    await cancelled_inside(store, subject.close(), times)
    await subject.close()
    assert store.day == Totals()
    assert store.closed == 1


async def test_a_cancelled_final_reservation_leaves_the_slice() -> None:
    store = Gated()
    subject = account(store)
    await subject.open(lambda _: tokens(30))
    await cancelled_inside(store, subject.reserve(tokens(30), lost=NOTHING, final=True))
    assert (await subject.remaining()).tokens == 70
    answer = await subject.reserve(tokens(30), lost=NOTHING, final=True)
    await answer.settle(tokens(30))
    await subject.close()
    assert store.day == Totals(tokens(30))


async def test_cancelled_anywhere_nothing_leaks(tmp_path: Path) -> None:
    draw = random.Random(4)
    path = tmp_path / "budgets.sqlite"
    settled: list[int] = []
    reached = [asyncio.Event() for _ in range(31)]

    async def run(number: int) -> None:
        subject = account(SqliteBudgetStore(path), limit=None)
        try:
            await subject.open(lambda _: tokens(7))
            for _ in range(3):
                reservation = await subject.reserve(tokens(5), lost=NOTHING)
                try:
                    await asyncio.sleep(0)
                finally:
                    settled.append(number)
                    reached[number].set()
                    await reservation.settle(tokens(number))
        finally:
            await subject.close()

    async def one(number: int) -> None:
        task = asyncio.ensure_future(run(number))
        await asyncio.sleep(draw.uniform(0, 0.4))
        if number % 3 == 0:  # some come far, however slow the machine
            await reached[number].wait()
        while not task.done():
            task.cancel()
            await asyncio.sleep(draw.uniform(0, 0.01))
        await asyncio.wait({task})

    await asyncio.gather(*(one(n) for n in range(1, 31)))
    store = SqliteBudgetStore(path)
    assert store.totals(["day"])["day"] == Totals(tokens(sum(settled)))
    store.close()
    assert len(settled) >= 10


async def test_the_event_loop_goes_on_while_the_store_hangs() -> None:
    store = Gated()
    subject = account(store)
    reservation = await subject.reserve(tokens(1), lost=NOTHING)
    store.gate.clear()
    waiting = [
        asyncio.ensure_future(work)
        for work in (
            subject.open(lambda _: tokens(1)),
            subject.remaining(),
            subject.reserve(tokens(1), lost=NOTHING),
            reservation.settle(tokens(1)),
        )
    ]
    for number in range(20):
        await asyncio.sleep(0.001)
        if number == 10:  # the others wait for the store by now: closing is behind them
            waiting.append(asyncio.ensure_future(subject.close()))
    assert not any(task.done() for task in waiting)
    store.gate.set()
    await asyncio.wait(waiting)


async def test_a_store_that_fails_does_not_lift_the_cap() -> None:
    told: list[str] = []
    store = Gated()
    subject = account(store, notify=told.append)
    await subject.open(lambda _: tokens(20))
    before = await subject.reserve(tokens(30), lost=tokens(30))
    store.broken = True
    await before.settle(tokens(25))
    assert (await subject.remaining()).tokens == 55
    meanwhile = await subject.reserve(tokens(50), lost=tokens(40))
    with pytest.raises(LimitExceededError):
        await subject.reserve(tokens(6), lost=NOTHING)
    answer = await subject.reserve(tokens(20), lost=NOTHING, final=True)
    await answer.settle(tokens(20))
    assert len(told) == 1
    assert "the disk is full" in told[0]

    store.broken = False
    assert (await subject.remaining()).tokens == 5
    assert store.day == Totals(tokens(45), tokens(50))
    await meanwhile.settle(tokens(41))
    await subject.close()
    assert store.day == Totals(tokens(86))


@pytest.mark.slow
async def test_failures_at_any_moment_neither_lose_nor_double_a_charge() -> None:
    for seed in range(40):
        draw = random.Random(seed)
        store = Gated()
        subject = account(store, limit=200)
        await subject.open(lambda _: tokens(20))
        charged, held = 0, list[Any]()
        for _ in range(40):
            store.broken = draw.random() < 0.4
            final = draw.random() < 0.2
            if draw.random() < 0.5:
                amount = draw.randint(1, 30)
                try:
                    held.append(await subject.reserve(tokens(amount), lost=NOTHING, final=final))
                except LimitExceededError:
                    continue
            elif held:
                actual = draw.randint(0, 8)
                await held.pop(draw.randrange(len(held))).settle(tokens(actual))
                charged += actual
            left = (await subject.remaining(final=True)).tokens
            assert left is not None
            assert left <= 200 - charged
        store.broken = False
        for reservation in held:
            await reservation.settle(tokens(1))
        await subject.close()
        assert store.day == Totals(tokens(charged + len(held))), f"seed {seed}"


async def test_runs_that_share_the_store_keep_the_cap_together_while_it_fails() -> None:
    store = Gated()
    together = FallbackStore(store)
    one, other = account(together), account(together)
    assert (await one.remaining()).tokens == 100
    store.broken = True
    first = await one.reserve(tokens(60), lost=NOTHING)
    with pytest.raises(LimitExceededError):
        await other.reserve(tokens(60), lost=NOTHING)
    store.broken = False
    await first.settle(tokens(60))
    await one.close()
    assert store.closed == 0
    await other.close()
    assert (store.day, store.closed) == (Totals(tokens(60)), 1)


def test_what_is_counted_while_the_store_fails_is_told_it_later() -> None:
    store = Gated()
    together = FallbackStore(store)
    together.count_at_least("day", tokens(10))
    store.broken = True
    for _ in range(2):
        together.count_at_least("day", tokens(25))
        assert together.totals(["day"])["day"] == Totals(tokens(25))
    store.broken = False
    assert together.totals(["day"])["day"] == store.day == Totals(tokens(25))


async def test_caps_may_change_while_a_run_goes_on() -> None:
    store, caps = Gated(), list[Cap]()
    subject = SharedAccount(store, lambda: list(caps), notify=pytest.fail)
    free = await subject.reserve(tokens(1_000), lost=NOTHING)
    caps.append(Cap("day", Budget(tokens=10)))
    await free.settle(tokens(1_000))
    held = await subject.reserve(tokens(10), lost=NOTHING)
    caps[:] = [Cap("next day", Budget(tokens=10))]
    await (await subject.reserve(tokens(10), lost=NOTHING)).settle(tokens(9))
    await held.settle(tokens(8))
    await subject.close()
    assert store.day == Totals(tokens(8))
    assert store.totals(["next day"]) == {"next day": Totals(tokens(9))}


async def test_money_left_is_exact_in_any_decimal_context() -> None:
    store = DictBudgetStore(Shelf())
    subject = SharedAccount(store, lambda: [Cap("day", Budget(usd="1.00000001"))], notify=print)
    cent = Amount(usd=Decimal("0.000000001"))
    with localcontext(prec=3):
        await (await subject.reserve(cent, lost=NOTHING)).settle(cent)
        assert (await subject.remaining()).usd == Decimal("1.000000009")
    await subject.close()
