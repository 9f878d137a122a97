"""One run's share in caps that several processes keep together. Spec: ledger ("Budgets").

A store that fails does not lift the caps: they are then enforced in memory, from what was last
seen of them, and what is spent meanwhile is charged to the store when it is back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.account import Account, Reservation
from lean_agent.ledger.budget import (
    LIMITS,
    NOTHING,
    Amount,
    Budget,
    Remaining,
    as_far_as,
)
from lean_agent.ledger.budget_store import BudgetStore, Cap, Totals, UnknownReservationError

__all__ = ["SharedAccount", "SharedReservation"]

_Result = TypeVar("_Result")


class SharedAccount:
    """The async face of a store, for one run on one event loop.

    ``caps`` gives the caps of this moment, and may block: a day ends while a run goes on.
    ``notify`` is told once if the store fails. The store is closed with the account.
    """

    def __init__(
        self,
        store: BudgetStore,
        caps: Callable[[], Sequence[Cap]],
        *,
        notify: Callable[[str], None],
    ) -> None:
        self._store = store
        self._read_caps = caps
        self._notify = notify
        self._caps: Sequence[Cap] = ()
        self._seen: dict[str, Totals] = {}
        self._kept: tuple[str, Amount] | None = None
        self._memory: dict[str, Account] = {}
        self._owed: dict[str, Amount] = {}
        self._unsettled: list[tuple[str, Amount]] = []
        self._failing = False
        self._guard = threading.Lock()  # tasks of one run settle in several threads

    async def open(self, holdback: Amount) -> None:
        """Set as much of ``holdback`` aside as there is, for the run's final answer."""
        amount = as_far_as(holdback, await self.remaining())
        if amount == NOTHING:
            return
        try:
            made = await self._stored(
                lambda: self._reserve(amount, NOTHING, None), self._store.refund
            )
        except LimitExceededError:
            return  # another run was quicker
        if made is not None:
            self._kept = (made, amount)

    async def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left under any of the caps."""
        totals = await self._stored(self._totals)
        kept = self._kept[1] if final and self._kept is not None else NOTHING
        left: dict[str, Any] = {}
        for cap in self._caps:
            if totals is None:
                here = self._in_memory(cap).remaining()
            else:
                here = _left(cap, totals.get(cap.scope, Totals()), kept)
            for name in LIMITS:
                value = getattr(here, name)
                if value is not None:
                    left[name] = min(left.get(name, value), value)
        return Remaining(**left)

    async def reserve(
        self, amount: Amount, *, lost: Amount, final: bool = False
    ) -> SharedReservation:
        """Set ``amount`` aside; ``lost`` is charged if this process dies before it settles.

        A ``final`` reservation takes the place of what ``open`` set aside.

        Raises:
            LimitExceededError: nothing was reserved.
        """
        replacing = self._kept[0] if final and self._kept is not None else None
        made = await self._stored(
            lambda: self._reserve(amount, lost, replacing), self._store.refund
        )
        if made is not None:
            if replacing is not None:
                self._kept = None
            return SharedReservation(self, made, {})
        held: dict[str, Reservation] = {}
        try:
            for cap in self._caps:
                held[cap.scope] = self._in_memory(cap).reserve(amount)
        except LimitExceededError:
            for reservation in held.values():
                reservation.refund()
            raise
        return SharedReservation(self, None, held)

    async def close(self) -> None:
        """Give back what is still set aside, and leave the store."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._stored(lambda: self._store.refund(kept[0]))
        await _finished(self._store.close)

    async def finish(self, made: str, actual: Amount) -> None:
        """Settle a reservation of the store; what fails now is tried again before the next."""
        self._unsettled.append((made, actual))
        if await self._stored(self._catch_up) is None:
            for cap in self._caps:
                self._in_memory(cap).reserve(NOTHING).settle(actual)

    def owe(self, scopes: Sequence[str], actual: Amount) -> None:
        """Remember what was spent while the store was away."""
        for scope in scopes:
            self._owed[scope] = self._owed.get(scope, NOTHING) + actual

    def _catch_up(self) -> bool:
        """Tell the store what it could not be told before."""
        while self._unsettled:
            made, actual = self._unsettled[0]
            try:
                self._store.settle(made, actual)
            except UnknownReservationError:  # the store was emptied meanwhile
                self.owe([cap.scope for cap in self._caps], actual)
            del self._unsettled[0]
        while self._owed:
            scope, owed = next(iter(self._owed.items()))
            debt = self._store.reserve([Cap(scope, Budget())], owed, lost=owed)
            del self._owed[scope]
            self._store.settle(debt, owed)
        return True

    def _totals(self) -> Mapping[str, Totals]:
        self._catch_up()
        self._caps = self._read_caps()
        totals = self._store.totals([cap.scope for cap in self._caps])
        self._seen.update(totals)
        return totals

    def _reserve(self, amount: Amount, lost: Amount, replacing: str | None) -> str:
        self._catch_up()
        self._caps = self._read_caps()
        return self._store.reserve(self._caps, amount, lost=lost, replacing=replacing)

    async def _stored(
        self, work: Callable[[], _Result], undo: Callable[[_Result], None] | None = None
    ) -> _Result | None:
        """``work`` on the store, off the event loop; None, told once, where the store fails.

        ``undo`` takes its result back if the caller is cancelled meanwhile.
        """

        def alone() -> _Result:
            with self._guard:
                return work()

        try:
            result = await _finished(alone, undo)
        except LedgerError as error:
            if not self._failing:
                self._failing = True
                self._notify(f"{error.message}; the caps are kept in memory meanwhile")
            return None
        if self._failing:
            self._failing = False
            self._memory.clear()
        return result

    def _in_memory(self, cap: Cap) -> Account:
        """The cap's account while the store is away: on top of what was last seen of it."""
        account = self._memory.get(cap.scope)
        if account is None or account.budget != cap.limit:
            seen = self._seen.get(cap.scope, Totals())
            owed = self._owed.get(cap.scope, NOTHING)
            account = Account(cap.limit, spent=seen.spent + seen.reserved + owed)
            self._memory[cap.scope] = account
        return account


@dataclass(slots=True)
class SharedReservation:
    """An amount set aside in the store, or in memory while that was away."""

    _account: SharedAccount
    _made: str | None
    _held: Mapping[str, Reservation]

    async def settle(self, actual: Amount) -> None:
        """Charge ``actual`` and free the rest; never fails for the store's sake."""
        if self._made is not None:
            await self._account.finish(self._made, actual)
            return
        for reservation in self._held.values():
            reservation.settle(actual)
        self._account.owe(list(self._held), actual)

    async def refund(self) -> None:
        """Give everything back."""
        await self.settle(NOTHING)


def _left(cap: Cap, totals: Totals, kept: Amount) -> Remaining:
    used = totals.spent + totals.reserved - kept
    left: dict[str, Any] = {}
    for name in LIMITS:
        limit = getattr(cap.limit, name)
        if limit is not None:
            left[name] = max(type(limit)(0), limit - getattr(used, name))
    return Remaining(**left)


async def _finished(
    work: Callable[[], _Result], undo: Callable[[_Result], None] | None = None
) -> _Result:
    """``work`` in a thread, to its end even if the caller is cancelled, and then undone."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if undo is not None and running.exception() is None:
            await asyncio.shield(asyncio.to_thread(undo, running.result()))
        raise
