"""A run whose call does not fit waits for what other runs hold under a cap, and says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest
from support.scripted_runs import SEARCH, agent

from lean_agent import Account, Budget, Ledger, tool
from lean_agent.events import Notice, RunFinished
from lean_agent.ledger.account import Reservation
from lean_agent.ledger.budget import NOTHING, Amount
from lean_agent.ledger.budget_store import Cap
from lean_agent.ledger.caps import cap_status, set_cap
from lean_agent.ledger.shared import SharedAccount
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore
from lean_agent.result import RunResult


@pytest.fixture
def others(ledger: Ledger) -> Generator[tuple[SqliteBudgetStore, str]]:
    """Who holds all of the day's cap, and under which reservation."""
    set_cap(ledger.folder, "day", Budget(tokens=3_000), spent=NOTHING)
    (status,) = cap_status(ledger.folder)
    with closing(SqliteBudgetStore(ledger.folder / "budgets.sqlite")) as store:
        cap = Cap(status.scope, status.limit)
        yield store, store.reserve([cap], Amount(tokens=3_000), lost=NOTHING)


@pytest.mark.slow
async def test_it_says_so_once_and_looks_ever_more_seldom(
    ledger: Ledger, others: tuple[SqliteBudgetStore, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    look = SharedAccount.worth_waiting

    def counted(account: SharedAccount, fits: Any, *, final: bool) -> Any:
        looks.append(time.monotonic())
        if len(looks) == 6:
            others[0].refund(others[1])
        return look(account, fits, final=final)

    monkeypatch.setattr(SharedAccount, "worth_waiting", counted)
    subject, _ = agent(["4"], ledger)
    notices: list[str] = []
    result: RunResult | None = None

    async for event in subject.stream("2 + 2?", mode="instant"):
        match event:
            case Notice(message):
                notices.append(message)
            case RunFinished(ended):
                result = ended
            case _:
                pass
    assert result is not None
    assert (result.exit_status, result.output) == ("completed", "4")
    assert notices == ["waiting for room under the cap a day: other runs hold what is left"]
    # At least half of 0.1, 0.2, 0.4, 0.8 and 1.6 s.
    assert looks[5] - looks[0] >= 1.55
    assert len(looks) == 6


@pytest.mark.slow
async def test_it_counts_into_the_runs_seconds(
    ledger: Ledger, others: tuple[SqliteBudgetStore, str]
) -> None:
    subject, model = agent(["never"], ledger, budget=Budget(seconds=2))
    started = time.monotonic()
    result = await subject.run("x", mode="instant")
    assert (result.exit_status, result.limit, model.requests) == ("limit_exceeded", "seconds", [])
    assert 1.9 < time.monotonic() - started < 3
    assert not result.limit_shared


@pytest.mark.slow
async def test_a_stop_ends_it_at_once(
    ledger: Ledger, others: tuple[SqliteBudgetStore, str]
) -> None:
    subject, _ = agent(["never"], ledger)
    stop, ended = asyncio.Event(), list[RunResult]()
    waited_since = stopped = 0.0
    async for event in subject.stream("x", mode="instant", stop=stop):
        match event:
            case Notice():
                waited_since = time.monotonic()
                asyncio.get_running_loop().call_later(1.5, stop.set)
            case RunFinished(result):
                ended.append(result)
                stopped = time.monotonic()
            case _:
                pass
    assert [result.exit_status for result in ended] == ["interrupted"]
    assert stopped - waited_since < 2
    assert cap_status(ledger.folder)[0].totals.reserved.tokens == 3_000


async def test_a_run_at_its_own_cap_waits_for_nobody(ledger: Ledger) -> None:
    session = Account(Budget(tokens=100_000))
    subject, model = agent(["never"], ledger, account=session)
    with session.reserve(Amount(tokens=50_000)):
        started = time.monotonic()
        result = await subject.run("x", mode="instant", budget=Budget(tokens=5))
        assert time.monotonic() - started < 2
    assert (result.exit_status, result.limit, model.requests) == ("limit_exceeded", "tokens", [])


async def test_a_run_at_its_own_cap_waits_for_no_other_under_a_day_s(
    ledger: Ledger, others: tuple[SqliteBudgetStore, str]
) -> None:
    subject, model = agent(["never"], ledger)
    started = time.monotonic()
    result = await subject.run("x", mode="instant", budget=Budget(tokens=5))
    assert time.monotonic() - started < 2
    assert (result.exit_status, result.limit, model.requests) == ("limit_exceeded", "tokens", [])


async def test_a_short_answer_from_its_slice_is_not_waited_for(ledger: Ledger) -> None:
    session = Account(Budget(tokens=4_000))
    held: list[Reservation] = []

    @tool
    def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        held.append(session.reserve(Amount(tokens=session.remaining().tokens or 0)))  # by others
        return f"{query}: " + "it melts at 29.8 degrees. " * 300

    subject, model = agent([SEARCH, "29.8"], ledger, tools=[search], account=session)
    started = time.monotonic()
    asyncio.get_running_loop().call_later(3, lambda: held[0].refund())
    result = await subject.run("When does it melt?", mode="agent", budget=Budget(steps=2))
    assert time.monotonic() - started < 2
    assert (result.output, len(model.requests)) == ("29.8", 2)
    assert len(model.requests[1].messages) == 2, "the short one"
