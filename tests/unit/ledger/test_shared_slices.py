"""What runs set aside for their final answers under shared caps, and what they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from support.dict_budgets import DictBudgetStore, Shelf

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import NOTHING, Amount, Budget, Remaining
from lean_agent.ledger.budget_store import Cap, Totals
from lean_agent.ledger.shared import SharedAccount


def tokens(count: int) -> Amount:
    return Amount(tokens=count)


def account(store: DictBudgetStore) -> SharedAccount:
    return SharedAccount(store, lambda: [Cap("day", Budget(tokens=100))], notify=pytest.fail)


async def test_the_slice_for_the_answer_is_kept_from_others() -> None:
    shelf = Shelf()
    first, second = account(DictBudgetStore(shelf)), account(DictBudgetStore(shelf))
    await first.open(lambda _: tokens(30))
    assert (await first.remaining()).tokens == (await second.remaining()).tokens == 70
    assert (await first.remaining(final=True)).tokens == 100
    taken = await second.reserve(tokens(70), lost=NOTHING)
    with pytest.raises(LimitExceededError):
        await first.reserve(tokens(1), lost=NOTHING)
    failed = await first.reserve(tokens(30), lost=NOTHING, final=True)
    await failed.settle(tokens(10))
    assert (await second.remaining()).tokens == 0, "the rest is kept for the next attempt"
    answer = await first.reserve(tokens(20), lost=NOTHING, final=True)
    await answer.settle(tokens(15))
    await taken.settle(tokens(70))
    await first.close()
    await second.close()
    assert shelf.totals["day"] == Totals(tokens(95))


async def test_all_slices_together_take_at_most_half_of_what_is_unspent() -> None:
    shelf = Shelf()
    earlier = account(DictBudgetStore(shelf))
    await (await earlier.reserve(tokens(20), lost=NOTHING)).settle(tokens(20))
    runs = [account(DictBudgetStore(shelf)) for _ in range(4)]
    await asyncio.gather(*(run.open(lambda _: tokens(30)) for run in runs))
    assert shelf.totals["day"] == Totals(tokens(20), tokens(40))
    assert {(await run.remaining()).tokens for run in runs} == {40}
    assert sorted([(await r.remaining(final=True)).tokens or 0 for r in runs]) == [40, 40, 50, 70]
    for number, run in enumerate(runs):
        await run.close()
        # What one gives back another may set aside.
        for other in runs[number + 1 :]:
            await other.remaining()
        assert shelf.totals["day"].reserved == tokens((40, 40, 30, 0)[number])
    await earlier.close()


async def test_half_of_the_dollars_is_exact() -> None:
    store = DictBudgetStore(Shelf())
    subject = SharedAccount(store, lambda: [Cap("day", Budget(usd="1.00000001"))], notify=print)
    with localcontext(prec=3):
        await subject.open(lambda left: Amount(usd=left.usd or Decimal(0)))
    assert store.totals(["day"])["day"].reserved.usd == Decimal("0.500000005")
    await subject.close()


def at_least(count: int) -> Callable[[Remaining], bool]:
    return lambda left: left.tokens is None or left.tokens >= count


async def test_others_calls_are_worth_waiting_for_and_their_slices_only_for_an_answer() -> None:
    shelf = Shelf()
    subject, other = account(DictBudgetStore(shelf)), account(DictBudgetStore(shelf))
    await subject.open(lambda _: tokens(10))
    assert not await subject.worth_waiting(at_least(91), final=False)
    await other.open(lambda _: tokens(20))
    assert not await subject.worth_waiting(at_least(71), final=False)
    held = await other.reserve(tokens(30), lost=NOTHING)
    assert await subject.worth_waiting(at_least(70), final=False)
    assert not await subject.worth_waiting(at_least(71), final=False)
    await held.settle(tokens(5))
    assert not await subject.worth_waiting(at_least(66), final=False)
    assert not await subject.worth_waiting(at_least(96), final=True)
    assert await subject.worth_waiting(at_least(95), final=True)
    # Its own slice is given up, so that the other does not wait for it in turn.
    assert (await other.remaining(final=True)).tokens == 95
    assert not await other.worth_waiting(at_least(96), final=True)
    await subject.close()
    await other.close()
    assert shelf.totals["day"] == Totals(tokens(5))
