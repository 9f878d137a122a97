"""One run's share in caps that several processes keep together. Spec: ledger ("Budgets")."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from lean_agent._threads import start_in_daemon_thread, to_its_end
from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import NOTHING, Amount, Budget, Remaining, as_far_as, least, smaller
from lean_agent.ledger.budget_store import BudgetStore, Cap
from lean_agent.ledger.fallback_store import FallbackStore
from lean_agent.usage import EXACT

__all__ = ["SharedAccount", "SharedReservation"]

_TRIES = 3
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Slice:
    """What is set aside for the final answer."""

    reservation: str
    scopes: Sequence[str]
    amount: Amount


class SharedAccount:
    """The async face of a store, for one run; it never blocks the event loop.

    ``caps`` gives the caps of this moment and may block; it is asked before every call, since a day
    ends while a run goes on. A store that fails ends no run: the caps are then kept in memory, and
    ``notify`` is told once. Runs of one process that are to keep them together need the same
    FallbackStore. The store is closed with the account.

    A first cap may be set at any time. Until then ``capped`` says that there is none, by one quick
    look, and nothing else is done. What a call spent that began before a cap was set is counted
    under it by ``recorded``: all that the scope has spent by now, given when the call began.

    Every method goes to its end even if its caller is cancelled, and a reservation that its caller
    does not live to see is given back.
    """

    def __init__(
        self,
        store: BudgetStore,
        caps: Callable[[], Sequence[Cap]],
        *,
        notify: Callable[[str], None],
        capped: Callable[[], bool] = lambda: True,
        recorded: Callable[[str, float], Amount] = lambda _scope, _begun: NOTHING,
    ) -> None:
        self._store = store if isinstance(store, FallbackStore) else FallbackStore(store)
        self._caps = caps
        self._notify = notify
        self._capped = capped
        self._recorded = recorded
        self._shares = False
        self._told = False
        self._closed = False
        self._holdback: Callable[[Remaining], Amount] | None = None
        self._wanted: Amount | None = None  # of the slice, once there is a cap
        self._slice: _Slice | None = None
        self._lock = threading.Lock()  # the calls of one run come from several threads

    async def open(self, holdback: Callable[[Remaining], Amount]) -> None:
        """Set as much aside for the run's final answer as ``holdback`` says, or as there is.

        It is asked once, with what is left under the caps, as soon as there is one.
        """
        self._holdback = holdback
        if not self._capped():
            return

        def work() -> None:
            self._hold_slice(self._caps())

        await self._in_thread(work, undo=lambda _: self._give_slice_back())

    async def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left under any of the caps."""
        if not self._capped():
            return Remaining()

        def work() -> Remaining:
            caps = self._caps()
            self._hold_slice(caps)
            return self._left(caps, with_slice=final)

        return await self._in_thread(work)

    async def reserve(
        self, amount: Amount, *, lost: Amount, final: bool = False
    ) -> SharedReservation:
        """Set ``amount`` aside; ``lost`` is charged if this process dies before it settles.

        A ``final`` reservation takes the place of what ``open`` set aside; what it leaves of that
        is set aside again when it is settled.

        Raises:
            LimitExceededError: nothing was reserved.
            LedgerError: an amount is negative or not finite.
        """
        begun = time.time()
        uncapped = SharedReservation(self, None, final, (), begun)
        if not self._capped():
            return uncapped

        def work() -> SharedReservation:
            caps = self._caps()
            if not caps:
                return uncapped
            old = self._slice if final else None
            replacing = old.reservation if old is not None else None
            made = self._store.reserve(caps, amount, lost=lost, replacing=replacing)
            if old is not None:
                self._slice = None
            return SharedReservation(self, made, final, _scopes(caps), begun)

        return await self._in_thread(work, undo=lambda made: self._end(made, NOTHING))

    async def worth_waiting(self, fits: Callable[[Remaining], bool], *, final: bool) -> Cap | None:
        """The cap to wait for: as Account.worth_waiting, of all other runs, in whatever process."""
        if not self._capped():
            return None

        def work() -> Cap | None:
            caps = self._caps()
            tight = [cap for cap in caps if not fits(self._left([cap], with_slice=final))]
            totals = self._store.totals([*_scopes(tight), *map(_answers_scope, tight)])
            for cap in tight:
                used = totals[cap.scope].spent
                if not final:
                    used += totals[_answers_scope(cap)].reserved
                if not fits(Account(cap.limit, spent=used).remaining()):
                    return None
            if tight and final:
                self._wanted = NOTHING
                self._give_slice_back()
            return tight[0] if tight else None

        return await self._in_thread(work)

    async def settle(self, reservation: SharedReservation, actual: Amount) -> None:
        """What ``reservation.settle`` does."""
        if reservation.made is not None or self._capped():
            await self._in_thread(lambda: self._end(reservation, actual))

    async def close(self) -> None:
        """Give back what is still set aside, and leave the store; closing again does nothing."""

        def work() -> None:
            if self._shares:
                self._shares = False
                self._give_slice_back()
                self._store.close()

        self._closed = True
        if self._shares:
            await self._in_thread(work)

    def _end(self, reservation: SharedReservation, actual: Amount) -> None:
        if reservation.made is not None:
            self._store.settle(reservation.made, actual)
        caps = self._caps()
        for scope in set(_scopes(caps)).difference(reservation.scopes):
            with contextlib.suppress(LedgerError):  # the ledger cannot be read
                spent = self._recorded(scope, reservation.begun)
                self._store.count_at_least(scope, spent)
        if reservation.final:
            if self._wanted is not None:
                self._wanted -= smaller(self._wanted, actual)
            self._hold_slice(caps)

    def _hold_slice(self, caps: Sequence[Cap]) -> None:
        """Set as much of the slice aside as there is, in the scopes of this moment."""
        if self._closed or not caps or self._holdback is None:
            return
        if self._wanted is None:
            self._wanted = self._holdback(self._left(caps, with_slice=False))
        if self._wanted == NOTHING:
            return
        for _ in range(_TRIES):
            totals = self._store.totals(_scopes(caps))
            under = [*caps, *(_answers(cap, totals[cap.scope].spent) for cap in caps)]
            amount = as_far_as(self._wanted, self._left(under, with_slice=True))
            old, had = self._slice, NOTHING
            if old is not None and old.scopes == _scopes(under):
                had = old.amount
                amount += had - smaller(had, amount)
            if amount == had:
                return
            replacing = old.reservation if old is not None else None
            try:
                made = self._store.reserve(under, amount, lost=NOTHING, replacing=replacing)
            except LimitExceededError:
                continue  # another run was quicker
            self._slice = _Slice(made, _scopes(under), amount)
            return

    def _give_slice_back(self) -> None:
        if self._slice is not None:
            self._store.refund(self._slice.reservation)
            self._slice = None

    def _left(self, caps: Sequence[Cap], *, with_slice: bool) -> Remaining:
        totals = self._store.totals(_scopes(caps))
        left = Remaining()
        for cap in caps:
            here = totals[cap.scope]
            used = here.spent + here.reserved
            if with_slice and self._slice and cap.scope in self._slice.scopes:
                used -= smaller(self._slice.amount, here.reserved)
            left = least(left, Account(cap.limit, spent=used).remaining())
        return left

    async def _in_thread(
        self, work: Callable[[], _Result], undo: Callable[[_Result], None] = lambda _: None
    ) -> _Result:
        def alone() -> _Result:
            with self._lock:
                if not self._shares and not self._closed:
                    self._store.share()
                    self._shares = True
                return work()

        def undone(result: _Result) -> None:
            with self._lock:
                undo(result)

        try:
            return await _undone_if_cancelled(alone, undone)
        finally:
            failure = self._store.failure
            if failure is not None and not self._told:
                self._told = True
                self._notify(
                    f"{failure.message}: until that is mended, this process keeps the caps from "
                    "what it last saw of them or the ledger's entries say"
                )


def _scopes(caps: Sequence[Cap]) -> list[str]:
    return [cap.scope for cap in caps]


def _answers_scope(cap: Cap) -> str:
    """Where what is set aside for final answers is counted once more: no call in flight holds it,
    so nobody gives it back soon.
    """
    return f"answers/{cap.scope}"


def _answers(cap: Cap, spent: Amount) -> Cap:
    """All slices together take at most half of what is unspent: the rest is for the work."""
    left = Account(cap.limit, spent=spent).remaining()
    usd = None if left.usd is None else EXACT.divide(left.usd, Decimal(2))
    tokens = None if left.tokens is None else left.tokens // 2
    return Cap(_answers_scope(cap), Budget(usd=usd, tokens=tokens))


@dataclass(frozen=True, slots=True)
class SharedReservation:
    """An amount set aside, to be settled or refunded once.

    ``made`` is its id in the store, None where nothing caps; ``begun`` is Unix time in seconds.
    """

    account: SharedAccount
    made: str | None
    final: bool
    scopes: Sequence[str]
    begun: float

    async def settle(self, actual: Amount) -> None:
        """Charge ``actual`` and free the rest; never fails for the store's sake.

        Raises:
            LedgerError: already settled or refunded, or ``actual`` is negative or not finite.
        """
        await self.account.settle(self, actual)

    async def refund(self) -> None:
        """Give everything back.

        Raises:
            LedgerError: already settled or refunded.
        """
        await self.settle(NOTHING)


async def _undone_if_cancelled(
    work: Callable[[], _Result], undo: Callable[[_Result], None]
) -> _Result:
    """``work`` in a thread; a cancellation waits until it is over and then undone."""
    running = start_in_daemon_thread(work)
    try:
        return await to_its_end(running)
    except asyncio.CancelledError:
        if running.exception() is None:
            await to_its_end(start_in_daemon_thread(lambda: undo(running.result())))
        raise
