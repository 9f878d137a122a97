"""Waiting for room that other runs hold: they seldom use all that they have set aside."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lean_agent.events import Event, Notice
from lean_agent.ledger.budget import Remaining
from lean_agent.runtime.spending import Spending

__all__ = ["Waiting"]

_MAX_SECONDS = 60.0
_PAUSE = 0.02
_SHARED_PAUSE = 0.1
_MAX_SHARED_PAUSE = 2.0


@dataclass(slots=True, kw_only=True)
class Waiting:
    """The waits of one call, a minute together at most; ``kept_seconds`` of the run's time left
    are not for it.
    """

    spending: Spending
    emit: Callable[[Event], None]
    final: bool
    kept_seconds: float
    _since: float = field(default_factory=time.monotonic)
    _pause: float = _SHARED_PAUSE
    _told: bool = False

    async def for_room(self, fits: Callable[[Remaining], bool]) -> bool:
        """Wait a little, if the call ``fits`` into what is left once other runs give back what they
        hold; False if there is no point.
        """
        if time.monotonic() - self._since > _MAX_SECONDS:
            return False
        account, shared = self.spending.account, self.spending.shared
        if account.worth_waiting(fits, final=self.final):
            await self._sleep(_PAUSE)
            return True
        if not fits(account.remaining(final=self.final)):
            return False
        cap = await shared.worth_waiting(fits, final=self.final)
        if cap is None:
            return False
        if not self._told:
            self._told = True
            self.emit(
                Notice(f"waiting for room under the cap {cap.where}: other runs hold what is left")
            )
        # Every look costs a transaction; those who wait should not all look at once.
        await self._sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311
        self._pause = min(2 * self._pause, _MAX_SHARED_PAUSE)
        return True

    async def _sleep(self, seconds: float) -> None:
        left = self.spending.account.remaining(final=True).seconds
        if left is not None:
            seconds = min(seconds, max(0.0, left - self.kept_seconds))
        await asyncio.sleep(seconds)
