"""Caps of a ledger's folder, by day, by month and in all, over every process that writes to it.

The limits are small JSON files in ``caps``, which stay readable when the disk is full or the
database damaged; what was spent is in ``budgets.sqlite``. Days and months are UTC, as everywhere in
the ledger. Spec: ledger ("Budgets").
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from lean_agent._files import write_whole
from lean_agent.errors import ConfigurationError, LedgerError
from lean_agent.ledger import queries
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.budget_store import BudgetStore, Cap, Totals
from lean_agent.ledger.fallback_store import FallbackStore
from lean_agent.ledger.shared import SharedAccount
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

__all__ = ["PERIODS", "CapStatus", "Period", "cap_status", "open_shared", "set_cap"]

Period = Literal["day", "month", "ever"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month", "ever")
"""``ever`` is everything that the ledger holds: the budget of an evaluation, which has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapStatus:
    """One cap and what it stands at; ``resets_at`` is when the next period begins, if one does."""

    period: Period
    scope: str
    limit: Budget
    totals: Totals
    resets_at: datetime | None


def set_cap(folder: Path, period: Period, limit: Budget | None, *, spent: Amount) -> None:
    """Set, change or (None) remove a cap; runs under way keep to it from their next call on.

    ``spent`` is what this period has spent so far by the ledger: without a cap nothing was counted.
    A call that is in flight meanwhile counts when it ends, by no less than the ledger's estimate of
    its prompt.

    Raises:
        ConfigurationError: no limit, or one of steps, tool calls or seconds.
        LedgerError: the folder cannot be written; the caps are as they were.
    """
    path = _limit_path(folder, period)
    if limit is None:
        with _told(path):
            path.unlink(missing_ok=True)
        return
    _check_limit(limit)
    scope = _scope(period, datetime.now(UTC))
    usd = None if limit.usd is None else format(limit.usd, "f")
    store = SqliteBudgetStore(folder / "budgets.sqlite")
    try:
        # Under a cap the store has counted all along, and may be ahead of the ledger.
        first = not path.exists()
        if first or store.totals([scope])[scope] == Totals():
            store.count_at_least(scope, spent)
        with _told(path):
            write_whole(path, json.dumps({"usd": usd, "tokens": limit.tokens}))
        if first:
            # A call that ended since ``spent`` was read has looked for a cap before there was one.
            with contextlib.suppress(LedgerError):
                store.count_at_least(scope, _recorded(folder, scope, open_until=0.0))
    finally:
        store.close()


def cap_status(folder: Path) -> list[CapStatus]:
    """Every cap that is set, the day's first; nothing is made where there is none.

    Raises:
        LedgerError: the folder cannot be read.
    """
    now = datetime.now(UTC)
    limits = _limits(folder)
    if not limits:
        return []
    store = SqliteBudgetStore(folder / "budgets.sqlite")
    scopes = [_scope(period, now) for period in limits]
    try:
        totals = store.totals(scopes)
    except LedgerError as error:
        try:
            totals = store.totals_at_rest(scopes)
        except LedgerError:
            raise error from None
    finally:
        store.close()
    return [
        CapStatus(
            period=period,
            scope=_scope(period, now),
            limit=limit,
            totals=totals[_scope(period, now)],
            resets_at=_next(period, now),
        )
        for period, limit in limits.items()
    ]


def open_shared(
    folder: Path, notify: Callable[[str], None], own: BudgetStore | None = None
) -> SharedAccount:
    """The caps of a ledger's folder for one run. Nothing is made before one is set.

    ``notify`` is told if what is spent cannot be kept on disk. ``own`` is a store in place of the
    folder's SQLite file; a scope that it has never seen begins with what the ledger's entries say.

    Raises:
        LedgerError: a limit cannot be read.
    """
    limits = _limits(folder)
    store = _store(folder, own)
    begun: set[str] = set()

    def caps() -> list[Cap]:
        nonlocal limits
        with contextlib.suppress(LedgerError):  # then the ones that were read before hold on
            limits = _limits(folder)
        now = datetime.now(UTC)
        caps = [_cap(period, limit, now) for period, limit in limits.items()]
        for cap in caps:
            if own is not None and cap.scope not in begun:
                begun.add(cap.scope)
                _begin(store, folder, cap.scope)
        return caps

    return SharedAccount(
        store,
        caps,
        notify=notify,
        capped=(folder / "caps").exists,
        recorded=partial(_recorded_with, folder),
    )


def _store(folder: Path, own: BudgetStore | None) -> FallbackStore:
    """One for all runs of this process: while the one below fails, they keep the caps together."""
    path = (folder / "budgets.sqlite").absolute()
    key = (path, None if own is None else id(own))
    store = _stores.get(key)
    if store is None:
        below = SqliteBudgetStore(path) if own is None else own
        store = FallbackStore(below, partial(_recorded, folder))
        if own is not None:
            store.share()  # for whoever made it: no run closes it
        store = _stores.setdefault(key, store)
    return store


def _begin(store: BudgetStore, folder: Path, scope: str) -> None:
    if store.totals([scope])[scope] == Totals():
        with contextlib.suppress(LedgerError):  # the ledger cannot be read
            store.count_at_least(scope, _recorded(folder, scope))


_stores: dict[tuple[Path, int | None], FallbackStore] = {}
# What the parent has not yet told its file is the parent's to tell.
os.register_at_fork(after_in_child=_stores.clear)


def _cap(period: Period, limit: Budget, now: datetime) -> Cap:
    if period == "ever":
        return Cap(_scope(period, now), limit, called="in all")
    options = [f"--{name} ..." for name in ("usd", "tokens") if getattr(limit, name) is not None]
    hint = f"`lean-agent ledger budget set {period} {' '.join(options)}` raises it"
    return Cap(_scope(period, now), limit, called=f"a {period}", hint=hint)


def _scope(period: Period, now: datetime) -> str:
    """``day:2026-11-24``, ``month:2026-11`` or ``ever``."""
    if period == "ever":
        return period
    return f"{period}:{now:%Y-%m-%d}" if period == "day" else f"{period}:{now:%Y-%m}"


def _recorded(folder: Path, scope: str, *, open_until: float | None = None) -> Amount:
    """What the ledger's entries say was spent in a scope; see queries.spent."""
    if scope.partition(":")[0] not in PERIODS:
        return Amount()
    usd, tokens = queries.spent(folder, since=_beginning(scope), open_until=open_until)
    return Amount(usd=usd, tokens=tokens)


def _recorded_with(folder: Path, scope: str, begun: float) -> Amount:
    """The same with a call that began at ``begun`` and has ended.

    What began later and is open still has been reserved under the cap. A call of the day before
    counts in that.
    """
    if begun < _beginning(scope):
        return Amount()
    return _recorded(folder, scope, open_until=begun)


def _beginning(scope: str) -> float:
    """Unix time in seconds."""
    _, _, begun = scope.partition(":")
    if not begun:
        return 0.0
    day = begun if begun.count("-") > 1 else f"{begun}-01"
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def _next(period: Period, now: datetime) -> datetime | None:
    if period == "ever":
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


def _check_limit(limit: Budget) -> None:
    others = (limit.steps, limit.tool_calls, limit.seconds)
    if limit == Budget() or any(value is not None for value in others):
        raise ConfigurationError(
            "a cap on a ledger limits dollars, tokens or both, and nothing else",
            hint="give Budget(usd=...), Budget(tokens=...) or both",
        )


def _limits(folder: Path) -> dict[Period, Budget]:
    limits: dict[Period, Budget] = {}
    if not (folder / "caps").exists():  # the usual case, told by one look
        return limits
    for period in PERIODS:
        path = _limit_path(folder, period)
        try:
            found: Any = json.loads(path.read_bytes())
            limits[period] = limit = Budget(usd=found["usd"], tokens=found["tokens"])
            _check_limit(limit)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, ConfigurationError) as error:
            raise LedgerError(
                f"the cap in {path} cannot be read: {error}",
                hint="remove it"
                if period == "ever"
                else f"set it again with `lean-agent ledger budget set {period}`",
            ) from error
    return limits


def _limit_path(folder: Path, period: Period) -> Path:
    return folder / "caps" / f"{period}.json"


@contextlib.contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"the cap in {path} cannot be written ({error.strerror or error})",
            hint="mend the permissions of the folder or free some disk space",
        ) from error
