"""A run that a tool of another run begins: charged to that one, and told below it in its ledger."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

from lean_agent.approval import Approvals, Approve
from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.events import CostUpdated, Event, Notice
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Budget
from lean_agent.ledger.ledger import Ledger
from lean_agent.result import RunResult
from lean_agent.runtime.meter import Meter

__all__ = ["ParentRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRun:
    """The run above. ``ask`` is whom it asks for approval."""

    meter: Meter
    ask: Approve | None = None

    @property
    def ledger(self) -> Ledger:
        return self.meter.book.ledger

    @property
    def session_id(self) -> str | None:
        return self.meter.book.session_id

    @property
    def task_id(self) -> str | None:
        return self.meter.book.task_id

    @property
    def entry_id(self) -> str:
        """The row below which that of the nested run stands: the call that asked for it."""
        book = self.meter.book
        return book.last_call.id if book.last_call else book.root_id

    def account(self, own: Account | None) -> Account:
        """The run's account; ``own`` is that of the nested run's agent, which has to be above it.

        Raises:
            ConfigurationError: it is not: what is spent could not be charged to both.
        """
        account = self.meter.spending.account
        if own is not None and not account.is_within(own):
            raise ConfigurationError(
                "an agent with an account of its own cannot work for a run outside of it",
                hint="give both agents the same account, or this one none",
            )
        return account

    def approvals(self, own: Approvals) -> Approvals:
        """The nested run's own, with the one above to ask where its agent has nobody."""
        return own if own.ask is not None else replace(own, ask=self.ask)

    def capped(self, budget: Budget) -> Budget:
        """``budget``, so that the run above has the time left that it keeps for its answer.

        Tokens, dollars and steps need no such care: its account holds that slice back.
        """
        left = self.meter.spending.account.remaining().seconds
        if left is None:
            return budget
        seconds = max(0.0, left - self.meter.final_seconds)
        if budget.seconds is not None:
            seconds = min(seconds, budget.seconds)
        return replace(budget, seconds=seconds)

    async def charged(self, run: Awaitable[RunResult[Any]], meter: Meter) -> RunResult[Any]:
        """What the nested ``run`` comes to; what ``meter`` has counted of it is added here, however
        it ends. Its accounts were charged as it went.
        """
        try:
            result = await run
        except LeanAgentError as error:
            if error.result is not None:
                self.meter.notices += error.result.notices
            raise
        finally:
            self.meter.usage += meter.usage
            self.meter.saved += meter.saved
            self.meter.emit(CostUpdated(self.meter.usage))
        self.meter.notices += result.notices
        return result

    def listen(self, event: Event) -> None:
        """Pass on what the person watching should read, and nothing else."""
        if isinstance(event, Notice):
            self.meter.emit(event)
