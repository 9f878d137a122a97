"""Accounts that nobody overruns: reserve the worst case, settle the truth, refund the rest.

Accounts nest (a session's, a run's, a sub-agent's): a reservation holds in every account up to the
root or in none. Spec: ledger ("Budgets").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.budget import (
    LIMITS,
    NOTHING,
    Amount,
    Budget,
    Remaining,
    as_far_as,
    check_amount,
    smaller,
)
from lean_agent.usage import EXACT

__all__ = ["Account", "Reservation"]


def _minus(one: Any, other: Any) -> Any:
    return EXACT.subtract(one, other) if isinstance(one, Decimal) else one - other


def _plus(one: Any, other: Any) -> Any:
    return EXACT.add(one, other) if isinstance(one, Decimal) else one + other


class Account:
    """Keeps a budget; safe to share between threads and tasks.

    ``holdback`` is the slice of the budget that only a ``final`` reservation may touch: with it a
    run at its limit can still pay for an answer. As much of it as the ancestors can give is set
    aside in them too, so that no other account below them can take it, until ``close`` or the end
    of a ``with`` block.

    What is charged here is charged to ``parent`` and its ancestors too. ``spent`` and ``elapsed``
    (seconds) are what an earlier part of the same work used: they count against this account's own
    limits, and were charged to its ancestors then. ``clock`` returns seconds and never goes back;
    what passes of it while the account is ``paused`` does not count.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        parent: Account | None = None,
        holdback: Amount = NOTHING,
        spent: Amount = NOTHING,
        elapsed: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_amount(holdback, "hold back")
        check_amount(spent, "begin with")
        self.budget: Budget = budget if budget is not None else Budget()
        self._clock = clock
        self._opened = clock() - elapsed
        self._pauses = 0
        self._paused_at = 0.0
        self._spent = spent
        self._reserved = NOTHING
        self._in_flight = NOTHING
        # (name, limit, what of it an ordinary reservation may use) of the limits that are set.
        self._limits = [
            (name, limit, _minus(limit, getattr(holdback, name)))
            for name in LIMITS
            if (limit := getattr(self.budget, name)) is not None
        ]
        # One lock for the whole tree: a reservation is one decision over all of its accounts.
        self._lock: threading.Lock = parent._lock if parent is not None else threading.Lock()
        self._above: tuple[Account, ...] = (parent, *parent._above) if parent is not None else ()
        self._kept = NOTHING
        self._closed = False
        if parent is not None:
            with self._lock:
                self._keep(as_far_as(holdback, parent._least(final=False)))

    @property
    def spent(self) -> Amount:
        """Everything settled so far, in this account and those below it."""
        return self._spent

    @property
    def reserved(self) -> Amount:
        """What open reservations hold, in this account and those below it.

        And what is set aside here for final answers below.
        """
        return self._reserved

    @property
    def elapsed(self) -> float:
        """Seconds since it was opened, and before that, without those in which it was paused."""
        with self._lock:
            return self._elapsed()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Inside of it no time passes, here and in every ancestor: a person is thinking."""
        accounts = (self, *self._above)
        with self._lock:
            for account in accounts:
                account._pause()
        try:
            yield
        finally:
            with self._lock:
                for account in accounts:
                    account._go_on()

    def reserve(self, amount: Amount, *, final: bool = False) -> Reservation:
        """Set ``amount`` aside here and in every ancestor, or nowhere.

        Only limits that ``amount`` asks something of can refuse it, and the clock. A ``final``
        reservation may use what is held back.

        Raises:
            LimitExceededError: names the first limit that would be overrun, this account's before
                its parent's; nothing is reserved then.
            LedgerError: the amount is negative or not finite.
        """
        check_amount(amount, "reserve")
        with self._lock:
            kept, asked = NOTHING, amount
            if final:
                kept = smaller(self._kept, amount)
                asked = amount - kept
            self._refuse_overrun(amount, final=final)
            for account in self._above:
                account._refuse_overrun(asked, final=False)  # their slices are for their answers
            if final:
                self._keep(NOTHING - kept)
            for account in (self, *self._above):
                account._reserved += amount
                account._in_flight += amount
        return Reservation(self, amount, kept)

    def is_within(self, other: Account) -> bool:
        """Whether what is charged here is charged to ``other`` too."""
        return other is self or other in self._above

    def worth_waiting(self, fits: Callable[[Remaining], bool], *, final: bool) -> bool:
        """Whether what is left is too little for ``fits``, but not if others gave all theirs back.

        That is what calls in flight hold in an ancestor; for a final answer, which did not fit its
        own slice, the others' slices too. Its own is given up then, so that no two wait for each
        other.
        """
        with self._lock:
            hoped = self._least(final=final, without_others=True)
        if fits(self.remaining(final=final)) or not fits(hoped):
            return False
        if final:
            with self._lock:
                self._keep(NOTHING - self._kept)
        return True

    def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left anywhere from here to the root, open reservations deducted."""
        with self._lock:
            return self._least(final=final)

    def own_remaining(self, *, final: bool = False) -> Remaining:
        """What this account's own limits leave, whatever its ancestors'."""
        left: dict[str, Any] = {}
        with self._lock:
            self._narrow(left, NOTHING, NOTHING, final=final)
        return Remaining(**left)

    def close(self) -> None:
        """Give back what is still set aside in the ancestors for a final answer."""
        with self._lock:
            self._closed = True
            self._keep(NOTHING - self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _keep(self, more: Amount) -> None:
        self._kept += more
        for account in self._above:
            account._reserved += more

    def _finish(self, amount: Amount, kept: Amount, actual: Amount) -> None:
        for account in (self, *self._above):
            account._in_flight -= amount
            account._reserved -= amount
            account._spent += actual
        if kept is not NOTHING and not self._closed:
            unused = kept - smaller(kept, actual)
            self._keep(unused)  # for the next answer: this one may have failed

    def _least(self, *, final: bool, without_others: bool = False) -> Remaining:
        left: dict[str, Any] = {}
        self._narrow(left, NOTHING, NOTHING, final=final)
        kept = self._kept if final else NOTHING
        ours = self._in_flight + kept  # and the slices of the accounts between
        for account in self._above:
            others = NOTHING
            if without_others and final:
                others = account._reserved - ours
                ours += account._kept
            elif without_others:
                others = account._in_flight - ours
            account._narrow(left, kept, others, final=False)
        return Remaining(**left)

    def _pause(self) -> None:
        if not self._pauses:
            self._paused_at = self._clock()
        self._pauses += 1

    def _go_on(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._opened += self._clock() - self._paused_at

    def _elapsed(self) -> float:
        return (self._paused_at if self._pauses else self._clock()) - self._opened

    def _refuse_overrun(self, amount: Amount, *, final: bool) -> None:
        wanted = self._spent + self._reserved + amount
        for name, limit, ordinary in self._limits:
            value = getattr(wanted, name)
            if getattr(amount, name) and value > (limit if final else ordinary):
                hint = f"raise Budget({name}=...) to go on"
                if ordinary != limit:
                    hint += f"; {_minus(limit, ordinary)} of it is held back for the final answer"
                raise LimitExceededError(name, value, limit, hint=hint)
        seconds = self.budget.seconds
        if seconds is not None and (elapsed := self._elapsed()) >= seconds:
            hint = "raise Budget(seconds=...) to go on"
            raise LimitExceededError("seconds", round(elapsed, 3), seconds, hint=hint)

    def _narrow(self, left: dict[str, Any], kept: Amount, others: Amount, *, final: bool) -> None:
        used = self._spent + self._reserved - others
        for name, limit, ordinary in self._limits:
            free = max(type(limit)(0), _minus(limit if final else ordinary, getattr(used, name)))
            here = _plus(free, getattr(kept, name))
            left[name] = min(left.get(name, here), here)
        if self.budget.seconds is not None:
            here = max(0.0, self.budget.seconds - self._elapsed())
            left["seconds"] = min(left.get("seconds", here), here)


class Reservation:
    """An amount set aside, to be settled or refunded exactly once.

    A context manager: what is neither settled nor refunded inside the block is refunded at its end.
    """

    __slots__ = ("_account", "_kept", "_open", "amount")

    def __init__(self, account: Account, amount: Amount, kept: Amount) -> None:
        self._account = account
        self._kept = kept  # what of it had been held back in the ancestors
        self._open = True
        self.amount: Amount = amount

    def settle(self, actual: Amount) -> None:
        """Charge ``actual``, more than was reserved if that is the truth, and free the rest.

        Raises:
            LedgerError: already settled or refunded, or ``actual`` is negative or not finite.
        """
        check_amount(actual, "settle")
        self._finish(actual)

    def refund(self) -> None:
        """Give everything back.

        Raises:
            LedgerError: already settled or refunded.
        """
        self._finish(NOTHING)

    def _finish(self, actual: Amount) -> None:
        with self._account._lock:  # pyright: ignore[reportPrivateUsage]
            if not self._open:
                raise LedgerError("this reservation was already settled or refunded")
            self._open = False
            self._account._finish(self.amount, self._kept, actual)  # pyright: ignore[reportPrivateUsage]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open:
            self.refund()
