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
    shared: SharedReservation

    async def settle(self, actual: Amount) -> None:
        """Charge ``actual`` and free the rest."""
        self.own.settle(actual)
        await self.shared.settle(actual)


@dataclass(slots=True, kw_only=True)
class Spending:
    """The run's account, and the caps for all processes together, of which there may be none."""

    account: Account
    shared: SharedAccount

    async def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left in any of them."""
        own = self.account.remaining(final=final)
        return least(own, await self.shared.remaining(final=final))

    async def reserve(self, amount: Amount, *, lost: Amount, final: bool = False) -> Held:
        """Set ``amount`` aside; ``lost`` is charged if this process dies before it settles.

        Raises:
            LimitExceededError: nothing was reserved.
        """
        own = self.account.reserve(amount, final=final)
        try:
            shared = await self.shared.reserve(amount, lost=lost, final=final)
        except BaseException:
            own.refund()
            raise
        return Held(own, shared)

    async def is_shared(self, limit_type: str, *, final: bool) -> bool:
        """Whether a cap over all runs, not one of this process's, leaves the least of a limit."""
        left = getattr(await self.shared.remaining(final=final), limit_type, None)
        own = getattr(self.account.remaining(final=final), limit_type, None)
        return left is not None and (own is None or left <= own)

    async def own_cap(self, limit_type: str) -> str:
        """The run's own cap of tokens or dollars; "" where another account leaves less of it."""
        cap = getattr(self.account.budget, limit_type, None)
        if limit_type not in {"tokens", "usd"} or cap is None:
            return ""
        own = max(0, cap - getattr(self.account.spent, limit_type))
        least_left = getattr(await self.remaining(final=True), limit_type)
        return str(cap) if least_left >= own else ""

    async def close(self) -> None:
        """Give back what was held for an answer that is written by now."""
        self.account.close()
        await self.shared.close()
