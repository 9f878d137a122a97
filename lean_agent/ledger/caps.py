"""Daily and monthly caps of a ledger's folder, over every process that writes to it.

Days and months are UTC, as everywhere in the ledger. Spec: ledger ("Budgets").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from lean_agent.errors import ConfigurationError
from lean_agent.ledger.budget import Amount, Budget, smaller
from lean_agent.ledger.budget_store import Cap, Totals
from lean_agent.ledger.shared import SharedAccount
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

__all__ = ["PERIODS", "CapStatus", "Period", "cap_status", "open_shared", "set_cap"]

Period = Literal["day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month")

_FILE = "budgets.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapStatus:
    """One cap and what it stands at; ``resets_at`` is when the next period begins."""

    period: Period
    scope: str
    limit: Budget
    totals: Totals
    resets_at: datetime


def scope_of(period: Period, now: datetime) -> str:
    """``day:2026-11-24`` or ``month:2026-11``."""
    return f"{period}:{now:%Y-%m-%d}" if period == "day" else f"{period}:{now:%Y-%m}"


def set_cap(folder: Path, period: Period, limit: Budget | None, *, spent: Amount) -> None:
    """Set, change or (None) remove a cap.

    ``spent`` is what this period has spent so far by the ledger: without a cap nothing was counted.
    A call that is in flight while the first cap is set is not counted either.

    Raises:
        ConfigurationError: a limit other than of dollars and tokens.
        LedgerError: the folder cannot be written.
    """
    if limit is not None and any(
        value is not None for value in (limit.steps, limit.tool_calls, limit.seconds)
    ):
        raise ConfigurationError(
            f"a cap on a {period} cannot limit steps, tool calls or seconds",
            hint="give Budget(usd=...) or Budget(tokens=...)",
        )
    store = SqliteBudgetStore(folder / _FILE)
    try:
        limits = None
        if limit is not None:
            limits = (None if limit.usd is None else format(limit.usd, "f"), limit.tokens)
        had = store.write_cap(period, limits)
        if limits is not None and not had:
            # What was spent while there was no cap is not in the store yet.
            scope = scope_of(period, datetime.now(UTC))
            missing = spent - smaller(spent, store.totals([scope])[scope].spent)
            store.settle(store.reserve([Cap(scope, Budget())], missing, lost=missing), missing)
    finally:
        store.close()


def cap_status(folder: Path) -> list[CapStatus]:
    """Every cap that is set, the day's first.

    Raises:
        LedgerError: the folder cannot be read.
    """
    if not (folder / _FILE).exists():
        return []
    store = SqliteBudgetStore(folder / _FILE)
    try:
        now = datetime.now(UTC)
        limits = _limits(store)
        totals = store.totals([scope_of(period, now) for period in limits])
        return [
            CapStatus(
                period=period,
                scope=scope_of(period, now),
                limit=limit,
                totals=totals[scope_of(period, now)],
                resets_at=_next(period, now),
            )
            for period, limit in limits.items()
        ]
    finally:
        store.close()


def open_shared(folder: Path, notify: Callable[[str], None]) -> SharedAccount | None:
    """The caps of a ledger's folder for one run; None, and nothing made, where none was ever set.

    ``notify`` is told if they cannot be kept on disk.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    store = SqliteBudgetStore(path)

    def caps() -> Sequence[Cap]:
        now = datetime.now(UTC)
        return [Cap(scope_of(period, now), limit) for period, limit in _limits(store).items()]

    return SharedAccount(store, caps, notify=notify)


def _limits(store: SqliteBudgetStore) -> dict[Period, Budget]:
    caps = store.read_caps()
    return {
        period: Budget(usd=None if usd is None else Decimal(usd), tokens=tokens)
        for period in PERIODS
        if period in caps
        for usd, tokens in [caps[period]]
    }


def _next(period: Period, now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
