"""What one run may spend: its own account, and the caps that it shares with other processes."""

from __future__ import annotations

from dataclasses import dataclass

from lean_agent.ledger.account import Account, Reservation
from lean_agent.ledger.budget import Amount, Remaining, least
from lean_agent.ledger.shared import SharedAccount, SharedReservation

__all__ = ["Held", "Spending"]


@dataclass(frozen=True, slots=True)
class Held:
    """An amount set aside in both."""

    own: Reservation
    shared: SharedReservation | None

    async def settle(self, actual: Amount) -> None:
        """Charge ``actual`` and free the rest."""
        self.own.settle(actual)
        if self.shared is not None:
            await self.shared.settle(actual)


@dataclass(slots=True, kw_only=True)
class Spending:
    """``shared`` is None where the user has set no caps for all processes together."""

    account: Account
    shared: SharedAccount | None = None

    async def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left in any of them."""
        own = self.account.remaining(final=final)
        if self.shared is None:
            return own
        return least(own, await self.shared.remaining(final=final))

    async def reserve(self, amount: Amount, *, lost: Amount, final: bool = False) -> Held:
        """Set ``amount`` aside; ``lost`` is charged if this process dies before it settles.

        Raises:
            LimitExceededError: nothing was reserved.
        """
        own = self.account.reserve(amount, final=final)
        if self.shared is None:
            return Held(own, None)
        try:
            shared = await self.shared.reserve(amount, lost=lost, final=final)
        except BaseException:
            own.refund()
            raise
        return Held(own, shared)

    async def is_shared(self, limit_type: str, *, final: bool) -> bool:
        """Whether a cap over all runs, not one of this process's, leaves the least of a limit."""
        if self.shared is None:
            return False
        left = getattr(await self.shared.remaining(final=final), limit_type, None)
        own = getattr(self.account.remaining(final=final), limit_type, None)
        return left is not None and (own is None or left <= own)

    async def close(self) -> None:
        """Give back what was held for an answer that is written by now."""
        self.account.close()
        if self.shared is not None:
            await self.shared.close()
