"""Budgets: limits hold in every account up to the root, and the truth is charged."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.errors import ConfigurationError, LedgerError, LimitExceededError
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Amount, Budget, Remaining

NOTHING = Amount()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# Budget and Amount


def test_money_is_taken_as_it_was_written() -> None:
    assert Budget(usd=0.1).usd == Decimal("0.1")
    assert Budget(usd="0.10").usd == Decimal("0.1")
    assert Budget(usd=2).usd == Decimal(2)
    assert Budget(usd=Decimal("1e-9")).usd == Decimal("1e-9")
    assert Budget().usd is None
    assert Budget(usd=0).usd == 0


WRONG: list[tuple[str, object]] = [
    *(("usd", v) for v in (-0.01, "NaN", float("nan"), "Infinity", True, "five", "$5", "", b"5")),
    *((f, v) for f in ("tokens", "steps", "tool_calls") for v in (-1, 1.5, True, "3")),
    *(("seconds", v) for v in (-1, float("nan"), float("inf"), True, "3")),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_limit_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Budget\({field}=") as caught:
        Budget(**{field: value})
    assert field in caught.value.hint


def test_a_budget_is_frozen_comparable_and_replaceable() -> None:
    budget = Budget(usd=1, seconds=2)
    assert budget == Budget(usd="1.0", seconds=2.0)
    assert dataclasses.replace(budget, usd="2.5") == Budget(usd=2.5, seconds=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        budget.usd = Decimal(9)  # type: ignore[misc]


amounts = st.builds(
    Amount,
    usd=st.decimals(0, 1_000_000, places=12),
    tokens=st.integers(0, 10**9),
    steps=st.integers(0, 1000),
    tool_calls=st.integers(0, 1000),
)


@given(amounts, amounts, amounts)
def test_amounts_add_and_subtract_exactly_in_any_decimal_context(
    a: Amount, b: Amount, c: Amount
) -> None:
    with localcontext(prec=3):
        assert a + b - b == a
        assert (a + b) + c == a + (b + c)
        assert a + NOTHING == a


# One account


def test_without_a_budget_everything_fits_and_is_counted() -> None:
    account = Account()
    account.reserve(Amount(usd=Decimal(10**6), tokens=10**12)).settle(Amount(tokens=5))
    assert account.spent == Amount(tokens=5)
    assert account.reserved == NOTHING
    assert account.remaining() == Remaining()


@pytest.mark.parametrize("limit", ["usd", "tokens", "steps", "tool_calls"])
def test_a_limit_can_be_reached_and_not_passed(limit: str) -> None:
    account = Account(Budget(**{limit: 3}))
    parts: dict[str, Any] = {limit: Decimal(1) if limit == "usd" else 1}
    one = Amount(**parts)
    for _ in range(3):
        account.reserve(one)
    with pytest.raises(LimitExceededError) as caught:
        account.reserve(one)
    assert (caught.value.limit_type, caught.value.value, caught.value.limit) == (limit, 4, 3)
    assert limit in caught.value.hint
    assert getattr(account.remaining(), limit) == 0


def test_the_first_limit_that_would_be_overrun_is_named_and_nothing_is_reserved() -> None:
    account = Account(Budget(usd=1, tokens=10, steps=1))
    with pytest.raises(LimitExceededError, match="tokens limit reached: 11 of 10"):
        account.reserve(Amount(usd=Decimal("0.5"), tokens=11, steps=5))
    assert account.reserved == NOTHING


def test_a_limit_of_which_nothing_is_asked_refuses_nothing() -> None:
    account = Account(Budget(tokens=10, tool_calls=1))
    account.reserve(Amount(tokens=10)).settle(Amount(tokens=25))
    account.reserve(Amount(tool_calls=1))
    with pytest.raises(LimitExceededError, match="tokens"):
        account.reserve(Amount(tokens=1))


def test_settling_charges_the_truth_even_above_what_was_reserved() -> None:
    account = Account(Budget(tokens=100, usd=1))
    reservation = account.reserve(Amount(tokens=50, usd=Decimal("0.5")))
    reservation.settle(Amount(tokens=180, usd=Decimal("1.25")))
    assert account.spent == Amount(tokens=180, usd=Decimal("1.25"))
    assert account.reserved == NOTHING
    assert account.remaining() == Remaining(tokens=0, usd=Decimal(0))


def test_a_reservation_ends_once() -> None:
    account = Account(Budget(tokens=10))
    settled, refunded = account.reserve(Amount(tokens=4)), account.reserve(Amount(tokens=4))
    settled.settle(Amount(tokens=1))
    refunded.refund()
    for ended in (settled, refunded):
        with pytest.raises(LedgerError):
            ended.settle(Amount(tokens=1))
        with pytest.raises(LedgerError):
            ended.refund()
    assert account.spent == Amount(tokens=1)
    assert account.reserved == NOTHING


def test_leaving_the_block_unsettled_refunds_also_by_an_exception() -> None:
    account = Account(Budget(tokens=10))
    with account.reserve(Amount(tokens=10)):
        assert account.remaining().tokens == 0
    with pytest.raises(ValueError, match="boom"), account.reserve(Amount(tokens=10)):
        raise ValueError("boom")
    with account.reserve(Amount(tokens=10)) as reservation:
        reservation.settle(Amount(tokens=3))
    assert account.spent == Amount(tokens=3)
    assert account.reserved == NOTHING


@pytest.mark.parametrize(
    "amount",
    [Amount(tokens=-1), Amount(usd=Decimal(-1)), Amount(usd=Decimal("NaN")), Amount(steps=-1)],
)
def test_negative_and_unknown_amounts_are_refused(amount: Amount) -> None:
    account = Account()
    with pytest.raises(LedgerError, match="cannot reserve"):
        account.reserve(amount)
    reservation = account.reserve(NOTHING)
    with pytest.raises(LedgerError, match="cannot settle"):
        reservation.settle(amount)
    with pytest.raises(LedgerError, match="cannot hold back"):
        Account(holdback=amount)
    assert account.spent == NOTHING


def test_the_clock_refuses_once_it_has_run_out() -> None:
    clock = Clock()
    account = Account(Budget(seconds=5), clock=clock)
    clock.now += 4
    account.reserve(NOTHING).refund()
    assert account.remaining().seconds == 1
    clock.now += 1
    with pytest.raises(LimitExceededError, match=r"seconds limit reached: 5\.0 of 5"):
        account.reserve(NOTHING, final=True)
    clock.now += 10
    assert account.remaining().seconds == 0


def test_what_is_held_back_serves_only_a_final_reservation() -> None:
    account = Account(Budget(usd=1, tokens=100), holdback=Amount(usd=Decimal("0.1"), tokens=30))
    assert account.remaining() == Remaining(usd=Decimal("0.9"), tokens=70)
    assert account.remaining(final=True) == Remaining(usd=Decimal(1), tokens=100)
    account.reserve(Amount(tokens=70))
    with pytest.raises(LimitExceededError, match="71 of 100") as caught:
        account.reserve(Amount(tokens=1))
    assert "30 of it is held back" in caught.value.hint
    account.reserve(Amount(tokens=30), final=True)
    with pytest.raises(LimitExceededError):
        account.reserve(Amount(tokens=1), final=True)


def test_a_caller_with_coarse_decimals_cannot_overrun() -> None:
    account = Account(Budget(usd="1.0001"))
    with localcontext(prec=2):
        account.reserve(Amount(usd=Decimal("1.0001")))
        with pytest.raises(LimitExceededError):
            account.reserve(Amount(usd=Decimal("0.0001")))
        assert account.remaining().usd == 0


# Trees of accounts


def test_a_reservation_holds_in_every_ancestor_or_in_none() -> None:
    session = Account(Budget(tokens=100))
    run = Account(Budget(tokens=80), parent=session)
    helper = Account(Budget(steps=1), parent=run)
    other = Account(parent=session)

    other.reserve(Amount(tokens=50))
    assert helper.remaining() == Remaining(tokens=50, steps=1)
    with pytest.raises(LimitExceededError, match="101 of 100"):
        helper.reserve(Amount(tokens=51, steps=1))
    assert (helper.reserved, run.reserved) == (NOTHING, NOTHING)
    assert session.reserved == Amount(tokens=50)

    helper.reserve(Amount(tokens=40, steps=1)).settle(Amount(tokens=10, steps=1))
    for account in (helper, run, session):
        assert account.spent == Amount(tokens=10, steps=1)
    assert other.spent == NOTHING


def test_the_account_s_own_limit_is_named_before_its_parent_s() -> None:
    child = Account(Budget(steps=1), parent=Account(Budget(tokens=1)))
    with pytest.raises(LimitExceededError, match="steps"):
        child.reserve(Amount(tokens=5, steps=5))


def test_a_parent_s_clock_and_holdback_bind_its_children() -> None:
    clock = Clock()
    parent = Account(Budget(seconds=10, tokens=100), holdback=Amount(tokens=20), clock=clock)
    clock.now += 4
    child = Account(Budget(seconds=9), parent=parent, clock=clock)
    assert child.remaining() == Remaining(seconds=6, tokens=80)
    clock.now += 7
    with pytest.raises(LimitExceededError, match="of 10"):
        child.reserve(NOTHING)


def test_no_time_passes_while_a_person_is_asked() -> None:
    clock = Clock()
    session = Account(Budget(seconds=100), clock=clock)
    run = Account(Budget(seconds=10), parent=session, clock=clock, elapsed=1)
    helper, other = (Account(parent=above, clock=clock) for above in (run, session))
    clock.now += 2
    with helper.paused():
        clock.now += 600
        assert (run.elapsed, run.remaining().seconds) == (3, 7)
        with other.paused():  # at the same time
            clock.now += 300
    clock.now += 4
    assert [one.elapsed for one in (session, run, helper, other)] == [6, 7, 6, 606]
    assert run.remaining().seconds == 3
    clock.now += 3
    with pytest.raises(LimitExceededError, match="of 10"):
        helper.reserve(NOTHING)


def test_importing_budgets_is_light() -> None:
    code = (
        "import sys, lean_agent.ledger.account\n"
        "print(sorted({'duckdb', 'pydantic', 'asyncio', 'platformdirs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
