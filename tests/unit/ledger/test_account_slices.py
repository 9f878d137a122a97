"""The slice for a final answer is exact in every ancestor, whatever ends in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.account import Account, Reservation
from lean_agent.ledger.budget import NOTHING, Amount, Budget, Remaining, smaller


def tokens(count: int) -> Amount:
    return Amount(tokens=count)


def test_a_slice_is_taken_from_every_ancestor_and_given_back() -> None:
    root = Account(Budget(tokens=100))
    middle = Account(parent=root)
    run = Account(parent=middle, holdback=tokens(30))
    assert (root.reserved, middle.reserved, run.reserved) == (tokens(30), tokens(30), NOTHING)
    assert (run.remaining().tokens, run.remaining(final=True).tokens) == (70, 100)
    run.close()
    run.close()
    assert (root.reserved, middle.reserved) == (NOTHING, NOTHING)


def test_a_with_block_gives_the_slice_back() -> None:
    root = Account(Budget(tokens=100))
    with pytest.raises(ValueError, match="boom"), Account(parent=root, holdback=tokens(30)):
        raise ValueError("boom")
    assert root.reserved == NOTHING


def test_what_a_final_answer_leaves_is_set_aside_for_the_next() -> None:
    root = Account(Budget(tokens=100))
    run = Account(parent=root, holdback=tokens(30))
    run.reserve(tokens(20), final=True).settle(tokens(5))
    assert root.reserved == tokens(25)
    run.reserve(tokens(40), final=True).refund()
    assert root.reserved == tokens(25)
    run.close()
    assert (root.reserved, root.spent) == (NOTHING, tokens(5))


def test_an_answer_that_ends_after_its_account_closed_leaves_nothing_aside() -> None:
    root = Account(Budget(tokens=100))
    run = Account(parent=root, holdback=tokens(30))
    late = run.reserve(tokens(30), final=True)
    run.close()
    assert root.reserved == tokens(30)
    late.settle(tokens(10))
    assert (root.reserved, root.spent) == (NOTHING, tokens(10))


def test_a_child_s_answer_leaves_its_parent_s_slice_alone() -> None:
    parent = Account(Budget(tokens=100), holdback=tokens(40))
    child = Account(parent=parent)
    assert child.remaining(final=True).tokens == 60
    with pytest.raises(LimitExceededError):
        child.reserve(tokens(61), final=True)
    child.reserve(tokens(60), final=True).settle(tokens(60))
    parent.reserve(tokens(40), final=True).settle(tokens(40))
    assert parent.spent == tokens(100)


def test_a_slice_still_pays_when_a_truth_overran_the_cap() -> None:
    root = Account(Budget(tokens=100))
    run = Account(parent=root, holdback=tokens(20))
    run.reserve(tokens(50)).settle(tokens(150))
    assert run.remaining(final=True).tokens == 20
    run.reserve(tokens(20), final=True).settle(tokens(20))
    with pytest.raises(LimitExceededError):
        run.reserve(tokens(1), final=True)


def at_least(count: int) -> Callable[[Remaining], bool]:
    return lambda left: left.tokens is None or left.tokens >= count


def test_only_what_others_hold_and_would_suffice_is_worth_waiting_for() -> None:
    root = Account(Budget(tokens=100))
    middle = Account(Budget(tokens=60), parent=root, holdback=tokens(10))
    run = Account(Budget(tokens=40), parent=middle, holdback=tokens(5))
    sibling = Account(parent=middle)
    assert not run.worth_waiting(at_least(36), final=False)
    with sibling.reserve(tokens(45)):  # 0 left in middle
        assert run.worth_waiting(at_least(35), final=False)
        assert not run.worth_waiting(at_least(36), final=False), "its own limit"
        assert not run.worth_waiting(at_least(41), final=True), "its own limit"
        assert run.worth_waiting(at_least(40), final=True)
        assert run.remaining(final=True).tokens == 5, "the slice is given up"
    with root.reserve(tokens(90)):
        assert run.worth_waiting(at_least(30), final=False)
    with run.reserve(tokens(20)), root.reserve(tokens(50)):
        assert not run.worth_waiting(at_least(21), final=False), "it holds that itself"


def test_the_slice_of_an_account_above_is_not_waited_for() -> None:
    root = Account(Budget(tokens=100))
    middle = Account(parent=root, holdback=tokens(40))
    run = Account(parent=middle)
    assert not run.worth_waiting(at_least(61), final=True)
    other = Account(parent=root, holdback=tokens(20))
    assert run.worth_waiting(at_least(60), final=True)
    assert not run.worth_waiting(at_least(61), final=True)
    other.close()


class Slices(RuleBasedStateMachine):
    """A tree of three levels; what each leaf keeps above it is counted by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Account(Budget(tokens=500))
        self.middle = Account(Budget(tokens=400), parent=self.root, holdback=tokens(60))
        self.leaves = [
            Account(parent=self.middle, holdback=tokens(50)),
            Account(Budget(tokens=200), parent=self.middle, holdback=tokens(30)),
        ]
        self.kept = [tokens(50), tokens(30)]
        self.closed = [False, False]
        self.open: list[tuple[int, Reservation, Amount]] = []
        self.spent = [NOTHING, NOTHING]

    @rule(leaf=st.integers(0, 1), amount=st.integers(0, 150), final=st.booleans())
    def reserve(self, leaf: int, amount: int, final: bool) -> None:
        left = self.leaves[leaf].remaining(final=final).tokens
        assert left is not None
        try:
            made = self.leaves[leaf].reserve(tokens(amount), final=final)
        except LimitExceededError:
            assert amount > left
            return
        assert amount <= left
        share = smaller(self.kept[leaf], tokens(amount)) if final else NOTHING
        self.kept[leaf] -= share
        self.open.append((leaf, made, share))

    @precondition(lambda self: bool(self.open))
    @rule(pick=st.integers(0, 20), percent=st.integers(0, 130))
    def settle(self, pick: int, percent: int) -> None:
        leaf, made, share = self.open.pop(pick % len(self.open))
        actual = tokens(made.amount.tokens * percent // 100)
        made.settle(actual)
        self.spent[leaf] += actual
        if not self.closed[leaf]:
            self.kept[leaf] += share - smaller(share, actual)

    @precondition(lambda self: bool(self.open))
    @rule(pick=st.integers(0, 20))
    def refund(self, pick: int) -> None:
        leaf, made, share = self.open.pop(pick % len(self.open))
        made.refund()
        if not self.closed[leaf]:
            self.kept[leaf] += share

    @rule(leaf=st.integers(0, 1))
    def close(self, leaf: int) -> None:
        self.leaves[leaf].close()
        self.kept[leaf], self.closed[leaf] = NOTHING, True

    @invariant()
    def ancestors_are_exact(self) -> None:
        held = [
            sum((r.amount for index, r, _ in self.open if index == leaf), NOTHING)
            for leaf in range(2)
        ]
        below = sum((*held, *self.kept), NOTHING)
        assert [leaf.reserved for leaf in self.leaves] == held
        assert self.middle.reserved == below
        assert self.root.reserved == below + tokens(60)
        assert self.root.spent == self.middle.spent == sum(self.spent, NOTHING)


Slices.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestSlices = pytest.mark.slow(Slices.TestCase)


def test_random_trees_end_with_nothing_reserved() -> None:
    for seed in range(50):
        draw = random.Random(seed)
        accounts = [Account(Budget(tokens=draw.randint(50, 500)))]
        for _ in range(6):
            holdback = tokens(draw.randint(0, 60))
            accounts.append(Account(parent=draw.choice(accounts), holdback=holdback))
        made: list[Reservation] = []
        for _ in range(40):
            try:
                account = draw.choice(accounts)
                made.append(account.reserve(tokens(draw.randint(0, 80)), final=draw.random() < 0.4))
            except LimitExceededError:
                continue
        ends = [*made, *accounts]
        draw.shuffle(ends)
        for end in ends:
            if isinstance(end, Account):
                end.close()
            else:
                end.settle(tokens(draw.randint(0, 80)))
        assert [account.reserved for account in accounts] == [NOTHING] * 7, f"seed {seed}"
