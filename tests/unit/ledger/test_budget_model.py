"""Any order of what stores over one file may be asked, against plain sums."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import Cap, Totals, UnknownReservationError
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

CAPS = [
    Cap("day", Budget(usd="3", tokens=1_000)),
    Cap("month", Budget(usd="5.00000001", steps=6)),
]
AMOUNTS = st.builds(
    Amount,
    usd=st.decimals(0, 2, places=8),
    tokens=st.integers(0, 400),
    steps=st.integers(0, 2),
)
WHICH = st.sets(st.integers(0, 1), min_size=1)


@dataclass
class Open:
    store: int
    which: frozenset[int]
    amount: Amount
    lost: Amount
    is_lost: bool = False


class Stores(RuleBasedStateMachine):
    """``store.close()`` stands for a death: what the store holds is lost, and may come back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [SqliteBudgetStore(self.folder / "budgets.sqlite") for _ in range(2)]
        self.spent = [NOTHING, NOTHING]
        self.open: dict[str, Open] = {}
        self.ended: list[str] = []

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def reserved(self, index: int) -> Amount:
        held = [o.amount for o in self.open.values() if index in o.which and not o.is_lost]
        return sum(held, NOTHING)

    def fits(self, index: int, amount: Amount, without: str | None) -> bool:
        old = self.open.get(without or "")
        gone = old.lost if old and old.is_lost else old.amount if old else NOTHING
        used = self.spent[index] + self.reserved(index) + amount
        if old and index in old.which:
            used -= gone
        return all(
            not getattr(amount, name) or limit is None or getattr(used, name) <= limit
            for name in ("usd", "tokens", "steps")
            for limit in [getattr(CAPS[index].limit, name)]
        )

    def end(self, made: str, actual: Amount) -> None:
        was = self.open.pop(made)
        self.ended.append(made)
        for index in was.which:
            self.spent[index] += actual
            if was.is_lost:
                self.spent[index] -= was.lost

    @rule(
        store=st.integers(0, 1),
        which=WHICH,
        amount=AMOUNTS,
        lost=AMOUNTS,
        pick=st.integers(0, 9),
        replace=st.booleans(),
    )
    def reserve(
        self, store: int, which: set[int], amount: Amount, lost: Amount, pick: int, replace: bool
    ) -> None:
        known = [*self.open, *self.ended[-2:]]
        old = known[pick % len(known)] if replace and known else None
        caps = [CAPS[index] for index in sorted(which)]
        fits = all(self.fits(index, amount, old) for index in which)
        try:
            made = self.stores[store].reserve(caps, amount, lost=lost, replacing=old)
        except LimitExceededError:
            assert not fits
        else:
            assert fits
            if old in self.open:
                self.end(str(old), NOTHING)
            self.open[made] = Open(store, frozenset(which), amount, lost)

    @precondition(lambda self: bool(self.open))
    @rule(store=st.integers(0, 1), pick=st.integers(0, 9), actual=AMOUNTS)
    def settle(self, store: int, pick: int, actual: Amount) -> None:
        made = list(self.open)[pick % len(self.open)]
        self.stores[store].settle(made, actual)
        self.end(made, actual)

    @precondition(lambda self: bool(self.open))
    @rule(store=st.integers(0, 1), pick=st.integers(0, 9))
    def refund(self, store: int, pick: int) -> None:
        made = list(self.open)[pick % len(self.open)]
        self.stores[store].refund(made)
        self.end(made, NOTHING)

    @precondition(lambda self: bool(self.ended))
    @rule(store=st.integers(0, 1), pick=st.integers(0, 9), actual=AMOUNTS)
    def settle_again(self, store: int, pick: int, actual: Amount) -> None:
        with pytest.raises(UnknownReservationError):
            self.stores[store].settle(self.ended[pick % len(self.ended)], actual)

    @rule(store=st.integers(0, 1))
    def die(self, store: int) -> None:
        self.stores[store].close()
        for held in self.open.values():
            if held.store == store and not held.is_lost:
                held.is_lost = True
                for index in held.which:
                    self.spent[index] += held.lost

    @invariant()
    def totals_equal_the_sums(self) -> None:
        wanted = {
            cap.scope: Totals(self.spent[index], self.reserved(index))
            for index, cap in enumerate(CAPS)
        }
        for store in self.stores:
            assert store.totals(["day", "month"]) == wanted
        for totals in wanted.values():
            for amount in (totals.spent, totals.reserved):
                assert min(amount.usd, Decimal(amount.tokens), Decimal(amount.steps)) >= 0


Stores.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestStores = Stores.TestCase


@pytest.mark.soak
class TestStoresLong(Stores.TestCase):
    settings = settings(max_examples=1_000, stateful_step_count=60, deadline=None)
