"""A cap holds whoever asks at the same time and in whatever order, and totals equal their rows."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.account import Account, Reservation
from lean_agent.ledger.budget import Amount, Budget

NOTHING = Amount()


async def test_a_thousand_tasks_never_exceed_one_cap() -> None:
    session = Account(Budget(usd="1.00", tokens=40_000))
    seen: list[Amount] = []

    async def ask(number: int) -> bool:
        account = Account(Budget(usd="0.50"), parent=session) if number % 2 else session
        amount = Amount(usd=Decimal("0.0023"), tokens=97)
        try:
            reservation = account.reserve(amount)
        except LimitExceededError:
            return False
        seen.append(session.spent + session.reserved)
        await asyncio.sleep(0)
        reservation.settle(amount)
        return True

    granted = sum(await asyncio.gather(*(ask(i) for i in range(1000))))
    assert granted == 412  # 412 x 97 tokens is 39,964; of the dollar 434 would have fitted
    assert session.spent.tokens == 412 * 97
    assert session.spent.usd == 412 * Decimal("0.0023")
    assert all(each.tokens <= 40_000 and each.usd <= 1 for each in seen)


def test_a_thousand_reservations_in_threads_never_exceed_one_cap() -> None:
    root = Account(Budget(usd=1, tokens=10_000))
    leaves = [Account(parent=Account(parent=root)) for _ in range(4)]
    stop = threading.Event()
    overruns: list[Amount] = []

    def watch() -> None:
        while not stop.is_set():
            spent = root.spent  # first: what is settled in between is then missed, not doubled
            used = spent + root.reserved
            if used.tokens > 10_000:
                overruns.append(used)

    def ask(number: int) -> int:
        amount = Amount(usd=Decimal("0.001"), tokens=random.Random(number).randint(5, 40))
        try:
            with leaves[number % 4].reserve(amount) as reservation:
                if number % 5 == 0:
                    return 0  # refunded
                actual = Amount(usd=amount.usd, tokens=amount.tokens - 3)
                reservation.settle(actual)
                return actual.tokens
        except LimitExceededError:
            return 0

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(16) as pool:
            charged = sum(pool.map(ask, range(1000)))
    finally:
        stop.set()
        watcher.join()
        sys.setswitchinterval(interval)

    assert overruns == []
    assert root.spent.tokens == charged <= 10_000
    assert root.reserved == NOTHING
    assert sum(leaf.spent.tokens for leaf in leaves) == charged


class Accounts(RuleBasedStateMachine):
    """Any order of reserving, settling and refunding over a tree, against plain sums."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(usd=5, tokens=1000, steps=10)
        self.root = Account(self.budget)
        self.leaves = [
            Account(Budget(tokens=700), parent=self.root, holdback=Amount(tokens=100)),
            Account(parent=Account(Budget(usd=3), parent=self.root)),
        ]
        self.open: list[tuple[int, Reservation]] = []
        self.charged: list[list[Amount]] = [[], []]
        self.excess = NOTHING

    parts = st.builds(
        Amount,
        usd=st.decimals(0, 2, places=4),
        tokens=st.integers(0, 400),
        steps=st.integers(0, 3),
    )

    @rule(leaf=st.integers(0, 1), amount=parts, final=st.booleans())
    def reserve(self, leaf: int, amount: Amount, final: bool) -> None:
        account = self.leaves[leaf]
        left = account.remaining(final=final)
        before = (account.reserved, self.root.reserved)
        fits = all(
            not getattr(amount, name)
            or getattr(left, name) is None
            or getattr(amount, name) <= getattr(left, name)
            for name in ("usd", "tokens", "steps", "tool_calls")
        )
        try:
            self.open.append((leaf, account.reserve(amount, final=final)))
        except LimitExceededError:
            assert not fits
            assert (account.reserved, self.root.reserved) == before
        else:
            assert fits

    @precondition(lambda self: bool(self.open))
    @rule(data=st.data(), actual=parts)
    def settle(self, data: st.DataObject, actual: Amount) -> None:
        leaf, reservation = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        reservation.settle(actual)
        self.charged[leaf].append(actual)
        over = actual - reservation.amount
        self.excess += Amount(
            usd=max(Decimal(0), over.usd), tokens=max(0, over.tokens), steps=max(0, over.steps)
        )

    @precondition(lambda self: bool(self.open))
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        _, reservation = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        reservation.refund()

    @rule()
    def close(self) -> None:
        self.leaves[0].close()

    @invariant()
    def totals_equal_the_rows(self) -> None:
        for leaf, account in enumerate(self.leaves):
            assert account.spent == sum(self.charged[leaf], NOTHING)
            held = [r.amount for index, r in self.open if index == leaf]
            assert account.reserved == sum(held, NOTHING)
        assert self.root.spent == sum((leaf.spent for leaf in self.leaves), NOTHING)
        standing = self.root.reserved - sum((leaf.reserved for leaf in self.leaves), NOTHING)
        assert 0 <= standing.tokens <= 100, "the slice for the first leaf's final answer"
        assert (standing.usd, standing.steps) == (0, 0)

    @invariant()
    def only_a_truth_above_its_reservation_passes_a_cap(self) -> None:
        used = self.root.spent + self.root.reserved - self.excess
        assert self.budget.usd is not None
        assert used.usd <= self.budget.usd
        assert used.tokens <= (self.budget.tokens or 0)
        assert used.steps <= (self.budget.steps or 0)

    @invariant()
    def nothing_is_negative(self) -> None:
        for account in (self.root, *self.leaves):
            for amount in (account.spent, account.reserved):
                assert min(amount.usd, amount.tokens, amount.steps, amount.tool_calls) >= 0
            left = account.remaining()
            for part in (left.usd, left.tokens, left.steps):
                assert part is None or part >= 0


Accounts.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAccounts = pytest.mark.slow(Accounts.TestCase)
