"""The conformance suite: two kinds of store pass it, and each fault in either fails it by name."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.dict_budgets import DictBudgetStore, Shelf

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import LIMITS, NOTHING, Amount, Budget, check_amount
from lean_agent.ledger.budget_store import BudgetStore, Cap, Totals, UnknownReservationError
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore
from lean_agent.testing import check_budget_store


def dict_stores(kind: type[DictBudgetStore] = DictBudgetStore) -> Callable[[], BudgetStore]:
    shelf = Shelf()
    return lambda: kind(shelf)


@pytest.mark.slow
def test_the_sqlite_store_passes(tmp_path: Path) -> None:
    check_budget_store(partial(SqliteBudgetStore, tmp_path / "budgets.sqlite"), lost_within=2)


def test_a_store_of_dictionaries_passes() -> None:
    check_budget_store(dict_stores())


def test_both_are_budget_stores(tmp_path: Path) -> None:
    for store in (SqliteBudgetStore(tmp_path / "b.sqlite"), DictBudgetStore(Shelf())):
        assert isinstance(store, BudgetStore)


class Rounding(DictBudgetStore):
    def settle(self, reservation: str, actual: Amount) -> None:
        super().settle(reservation, replace(actual, usd=Decimal(f"{actual.usd:.6f}")))


class Unlimited(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        return super().reserve([Cap(c.scope, Budget()) for c in caps], amount, **rest)


class FirstCapOnly(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        return super().reserve(caps[:1], amount, **rest)


class LeavesHalf(DictBudgetStore):
    """Reserves under one cap before it looks at the next."""

    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        made = [super(LeavesHalf, self).reserve([cap], amount, **rest) for cap in caps]
        self._shelf.rows[made[0]].scopes = [cap.scope for cap in caps]
        for other in made[1:]:
            del self._shelf.rows[other]
        return made[0]


class Unspecific(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        try:
            return super().reserve(caps, amount, **rest)
        except LimitExceededError as error:
            raise LimitExceededError(error.limit_type, 0, 0) from None


class WrongLimit(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        try:
            return super().reserve(caps, amount, **rest)
        except LimitExceededError as error:
            raise LimitExceededError("seconds", error.value, error.limit) from None


class RefusesAll(DictBudgetStore):
    """Once a cap is reached it refuses what asks nothing of it, too."""

    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        made = super().reserve(caps, amount, **rest)
        for cap in caps:
            used = self._shelf.totals[cap.scope]
            for name in LIMITS:
                limit = getattr(cap.limit, name)
                if limit is not None and getattr(used.spent + used.reserved, name) > limit:
                    self.refund(made)
                    raise LimitExceededError(name, limit, cap.scope)
        return made


class SettlesTwice(DictBudgetStore):
    def settle(self, reservation: str, actual: Amount) -> None:
        row = self._shelf.rows.get(reservation)
        super().settle(reservation, actual)
        if row is not None:
            self._shelf.rows[reservation] = row
            row.amount = NOTHING


class Silent(DictBudgetStore):
    def settle(self, reservation: str, actual: Amount) -> None:
        try:
            super().settle(reservation, actual)
        except UnknownReservationError:
            return


class TakesAnything(DictBudgetStore):
    def settle(self, reservation: str, actual: Amount) -> None:
        if actual.tokens >= 0:
            super().settle(reservation, actual)


class ForgetsReplacing(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        return super().reserve(caps, amount, lost=rest["lost"])


class GivesBackFirst(DictBudgetStore):
    """Gives back what is replaced before it knows that the new one fits."""

    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        if rest.get("replacing") in self._shelf.rows:
            self.refund(rest["replacing"])
        return super().reserve(caps, amount, lost=rest["lost"])


class HoldsAfterClose(DictBudgetStore):
    def close(self) -> None:
        return


class RefundsTheLost(DictBudgetStore):
    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        made = super().reserve(caps, amount, **rest)
        self._shelf.rows[made].lost = NOTHING
        return made


class ForgetsTheLost(DictBudgetStore):
    """Who settles late is told that nothing is known of it."""

    def close(self) -> None:
        super().close()
        for name in [n for n, row in self._shelf.rows.items() if row.charged]:
            del self._shelf.rows[name]


class ChargesTheLateTwice(DictBudgetStore):
    def settle(self, reservation: str, actual: Amount) -> None:
        row = self._shelf.rows.get(reservation)
        super().settle(reservation, actual)
        if row is not None and row.charged:
            for scope in row.scopes:
                self._shelf.add(scope, spent=row.lost)


class Alone(DictBudgetStore):
    def __init__(self, shelf: Shelf) -> None:
        del shelf
        super().__init__(Shelf())


class KnowsNoNewScope(DictBudgetStore):
    def totals(self, scopes: Sequence[str]) -> dict[str, Totals]:
        return {s: self._shelf.totals[s] for s in scopes if s in self._shelf.totals}


class CountsOnTop(DictBudgetStore):
    def count_at_least(self, scope: str, spent: Amount) -> None:
        check_amount(spent, "count")
        self._shelf.add(scope, spent=spent)


FAULTS: list[tuple[type[DictBudgetStore], str]] = [
    (Rounding, "a millionth of a millionth"),
    (Unlimited, "must raise LimitExceededError"),
    (FirstCapOnly, "one of two caps"),
    (LeavesHalf, "under all caps or under none"),
    (Unspecific, "must name the scope"),
    (WrongLimit, "must name the limit"),
    (RefusesAll, "refuses nothing"),
    (SettlesTwice, "ended or never was"),
    (Silent, "must raise UnknownReservationError"),
    (TakesAnything, "must raise LedgerError"),
    (ForgetsReplacing, "replaces in one step"),
    (GivesBackFirst, "leaves the earlier reservation"),
    (HoldsAfterClose, "must hold nothing any more"),
    (RefundsTheLost, "charged as lost"),
    (ForgetsTheLost, "puts right what was charged as lost"),
    (ChargesTheLateTwice, "late settlement"),
    (Alone, "seen by every store"),
    (KnowsNoNewScope, "never used"),
    (CountsOnTop, "never lowers it"),
]


@pytest.mark.parametrize(("kind", "rule"), FAULTS, ids=[kind.__name__ for kind, _ in FAULTS])
def test_a_fault_is_found_and_named(kind: type[DictBudgetStore], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_budget_store(dict_stores(kind))


class RacySqlite(SqliteBudgetStore):
    """Looks and reserves in two transactions."""

    def reserve(self, caps: Sequence[Cap], amount: Amount, **rest: Any) -> str:
        if rest.get("replacing") is None:
            found = self.totals([cap.scope for cap in caps])
            for cap in caps:
                cap.refuse_overrun(found[cap.scope], amount)
            time.sleep(0.002)  # wide enough to be met every time
            caps = [Cap(cap.scope, Budget()) for cap in caps]
        return super().reserve(caps, amount, **rest)


def test_a_race_of_stores_over_one_file_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="were let by"):
        check_budget_store(lambda: RacySqlite(tmp_path / "budgets.sqlite"))


class OnlyClosed(SqliteBudgetStore):
    """Knows that an owner is gone from its close alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._gone = path.with_name("gone")
        self._gone.mkdir(exist_ok=True)

    def _dead(self, db: sqlite3.Connection) -> list[str]:
        return [owner for owner in super()._dead(db) if (self._gone / owner).exists()]

    def close(self) -> None:
        if self._owner is not None:
            (self._gone / self._owner.name).touch()
        super().close()


def only_in(process: int, path: Path) -> BudgetStore:
    if os.getpid() != process:
        raise SystemExit(1)
    return SqliteBudgetStore(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "rule"),
    [(OnlyClosed, "after it died"), (partial(only_in, os.getpid()), "another process must")],
)
def test_a_store_that_loses_track_of_processes_is_found(
    tmp_path: Path, make: Callable[[Path], BudgetStore], rule: str
) -> None:
    make_store = partial(make, tmp_path / "budgets.sqlite")
    check_budget_store(make_store)
    with pytest.raises(AssertionError, match=rule):
        check_budget_store(make_store, lost_within=0.5)
