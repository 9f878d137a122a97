"""The queue in front of an engine's slots. Spec: retrieval ("Schedule").

The engine serves whoever comes first; here whoever is next by ``schedule`` does, looked at anew
each time a slot comes free. A slot is never left idle while anybody waits.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lean_agent.model import ModelRequest
from lean_agent.models.schedule import Claim, order
from lean_agent.models.tokens import prompt_bound

__all__ = ["SlotQueue"]


@dataclass(slots=True, eq=False)
class _Waiter:
    """``returns``: its run is expected to come back. ``pinned``: the engine is told its slot."""

    claim: Claim
    run_id: str | None
    returns: bool
    wanted: int | None
    alone: Callable[[], bool]
    loop: asyncio.AbstractEventLoop
    granted: asyncio.Future[None]
    slot: _Slot | None = None
    pinned: bool = False


@dataclass(slots=True, eq=False)
class _Slot:
    """``run_id`` is the run that it served last, whose prefix it holds; ``away`` says that the run
    is expected to come back.
    """

    number: int
    run_id: str | None = None
    away: bool = False
    released: float = -math.inf
    holder: _Waiter | None = None

    @property
    def idle(self) -> bool:
        # A loop that was closed in the middle of a call never gives back what the call held.
        return self.holder is None or self.holder.loop.is_closed()


def _always() -> bool:
    return True


class SlotQueue:
    """Hands out ``slots`` slots, numbered from 0, to requests from any event loop and thread.

    A request without ``run`` counts as a run of its own that begins now, with no context, so that
    such requests alone are served in the order of their coming. ``clock`` gives seconds, by that
    of ``RunProgress.began``.
    """

    def __init__(self, slots: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = [_Slot(number) for number in range(slots)]
        self._waiting: list[_Waiter] = []
        self._clock = clock
        self._guard = threading.Lock()

    def free(self) -> int:
        """How many requests would get a slot at once; 0 while any waits."""
        with self._guard:
            return 0 if self._waiting else sum(slot.idle for slot in self._slots)

    @asynccontextmanager
    async def slot(
        self, request: ModelRequest, *, alone: Callable[[], bool] = _always
    ) -> AsyncGenerator[int | None]:
        """A slot of one's own once it is one's turn: the number to pin the call to, if any.

        It is the one that ``request.slot`` names, or that served the run last, if that is free;
        else one whose run is over, else the one that was left last: its run has the longest way to
        go before it comes back, and the newest prefix is likely to have most in common.

        A request that is of no run and names no slot is not pinned: the engine itself looks for the
        slot that shares the longest prefix. While such a request is under way, or ``alone()`` says
        that others use the engine, nobody is: which slots they have is not known here, and a call
        that is pinned to a busy one waits, though another be free.
        """
        waiter = self._waiter(request, alone)
        with self._guard:
            self._waiting.append(waiter)
            self._serve()
        try:
            if waiter.slot is None:
                await waiter.granted
            assert waiter.slot is not None  # noqa: S101 - it is set before the future is
            yield waiter.slot.number if waiter.pinned else None
        finally:
            # However it went, also if the slot was granted in the moment of a cancellation.
            self._leave(waiter)

    def _waiter(self, request: ModelRequest, alone: Callable[[], bool]) -> _Waiter:
        now = self._clock()
        run = request.run
        claim = Claim(
            retrievals=run.retrievals if run else 0,
            began=run.began if run else now,
            context=prompt_bound(request.messages, request.tools) if run else 0,
            since=now,
        )
        loop = asyncio.get_running_loop()
        return _Waiter(
            claim,
            run.run_id if run else None,
            run is not None and not run.last,
            request.slot,
            alone,
            loop,
            loop.create_future(),
        )

    def _leave(self, waiter: _Waiter) -> None:
        with self._guard:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            slot = waiter.slot
            if slot is not None and slot.holder is waiter:
                slot.holder = None
                slot.released = self._clock()
            self._serve()

    def _serve(self) -> None:
        """Give idle slots to those who are next. The guard is held."""
        while self._waiting and (idle := [slot for slot in self._slots if slot.idle]):
            first = order([waiter.claim for waiter in self._waiting], self._clock())[0]
            waiter = self._waiting.pop(first)
            slot = self._best(idle, waiter)
            known = waiter.run_id is not None or waiter.wanted == slot.number
            others = [slot.holder for slot in self._slots if not slot.idle and slot.holder]
            waiter.pinned = known and waiter.alone() and all(other.pinned for other in others)
            waiter.slot = slot
            slot.holder = waiter
            try:
                waiter.loop.call_soon_threadsafe(_wake, waiter.granted)
            except RuntimeError:  # its loop was closed: on to the next one
                slot.holder = None
            else:
                # An unpinned call may get any slot: which one holds its prompt is not known.
                slot.run_id = waiter.run_id if waiter.pinned else None
                slot.away = waiter.returns

    def _best(self, idle: list[_Slot], waiter: _Waiter) -> _Slot:
        wanted = [slot for slot in idle if slot.number == waiter.wanted]
        own = [slot for slot in idle if waiter.run_id is not None and slot.run_id == waiter.run_id]
        if wanted or own:
            return max(wanted or own, key=lambda slot: slot.released)
        return min(idle, key=lambda slot: (slot.away, -slot.released))


def _wake(granted: asyncio.Future[None]) -> None:
    if not granted.done():
        granted.set_result(None)
