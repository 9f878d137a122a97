"""What one run may spend: its own account, and the caps that it shares with other processes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lean_agent.ledger.account import Account, Reservation
from lean_agent.ledger.budget import Amount, Remaining, least
from lean_agent.ledger.shared import SharedAccount, SharedReservation
from lean_agent.result import LimitOf

__all__ = ["Held", "Left", "Spending"]


@dataclass(frozen=True, slots=True)
class Held:
    """An amount set aside in both."""

    own: Reservation
    shared: SharedReservation

    async def settle(self, actual: Amount) -> None:
        """Charge ``actual`` and free the rest."""
        self.own.settle(actual)
        await self.shared.settle(actual)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left at one moment by the run's own limits, with those of the accounts above it, and
    under the caps over all runs.
    """

    run: Remaining
    account: Remaining
    shared: Remaining

    @property
    def least(self) -> Remaining:
        return least(self.account, self.shared)

    def whose(self, limit_type: str) -> LimitOf | None:
        """Whose limit leaves the least; None where nothing limits it."""
        run, account, shared = (
            getattr(left, limit_type, None) for left in (self.run, self.account, self.shared)
        )
        if shared is not None and (account is None or shared <= account):
            return "shared"
        if account is None:
            return None
        return "run" if run is not None and run <= account else "parent"


@dataclass(slots=True, kw_only=True)
class Spending:
    """The run's account, and the caps for all processes together, of which there may be none."""

    account: Account
    shared: SharedAccount

    async def remaining(self, *, final: bool = False) -> Remaining:
        """The least that is left in any of them."""
        return (await self.left(final=final)).least

    async def left(self, *, final: bool = False) -> Left:
        """What is left in each of them."""
        shared = await self.shared.remaining(final=final)
        return replace(self.left_here(final=final), shared=shared)

    def left_here(self, *, final: bool = False) -> Left:
        """What the accounts of this process leave."""
        return Left(
            run=self.account.own_remaining(final=final),
            account=self.account.remaining(final=final),
            shared=Remaining(),
        )

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
