"""Daily and monthly caps of a ledger folder, and a session's account, in runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.cli import LEAN_AGENT
from support.dict_budgets import DictBudgetStore, Shelf
from support.scripted_runs import ANSWER, SEARCH, agent, searching

from lean_agent import Account, Budget, Ledger
from lean_agent._paths import config_dir
from lean_agent.errors import ConfigurationError
from lean_agent.ledger import queries
from lean_agent.ledger.budget import Amount, Remaining
from lean_agent.ledger.budget_store import Totals
from lean_agent.ledger.caps import cap_status, set_cap
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.pricing import PriceTable
from lean_agent.price import Price
from lean_agent.runtime import opening
from lean_agent.runtime.disclosing import Disclosed
from lean_agent.runtime.holdback import held_back

_TASKS = {"x", *(f"q{number}" for number in range(6))}


def search_on(request: ModelRequest) -> str:
    asked = request.messages[-1].content
    # Where room is short the answer is asked for by the evidence alone, or by the task alone.
    if "Now answer" in asked or "Answer from the text above" in asked or asked in _TASKS:
        return "found"
    return SEARCH.replace("gallium", f"metal {len(request.messages)}")


def day(ledger: Ledger, **limits: Any) -> None:
    set_cap(ledger.folder, "day", Budget(**limits), spent=Amount())


async def test_a_daily_cap_ends_a_run_with_its_answer(ledger: Ledger) -> None:
    day(ledger, tokens=2_000)
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit, result.output) == (
        "limit_exceeded",
        "tokens",
        "found",
    )
    assert result.limit_shared
    (status,) = cap_status(ledger.folder)
    assert status.totals.spent.tokens == result.usage.total_tokens <= 2_000
    assert status.totals.reserved.tokens == 0


@pytest.mark.slow
async def test_runs_at_once_share_the_cap_and_each_has_its_answer(ledger: Ledger) -> None:
    day(ledger, tokens=12_000)
    subject, _ = agent([search_on] * 500, ledger, tools=[searching()])
    results = await asyncio.gather(*(subject.run(f"q{i}", mode="agent") for i in range(6)))
    assert {r.exit_status for r in results} == {"limit_exceeded"}
    assert [r.output for r in results] == ["found"] * 6
    (status,) = cap_status(ledger.folder)
    assert status.totals.spent.tokens == sum(r.usage.total_tokens for r in results) <= 12_000
    assert status.totals.reserved.tokens == 0


@pytest.mark.slow
@pytest.mark.parametrize("_round", range(3))
async def test_a_small_cap_is_used_up_by_runs_at_once_and_each_has_its_answer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, _round: int
) -> None:
    # All four look before any of them has set its slice aside, as processes may.
    def quarter(_left: Remaining, price: Price | None) -> Amount:
        return held_back(Remaining(tokens=3_000), price)

    monkeypatch.setattr(opening, "held_back", quarter)

    async def slow(request: ModelRequest) -> str:
        await asyncio.sleep(0.02)
        return search_on(request)

    day(ledger, tokens=3_000)
    subject, _ = agent([slow] * 500, ledger, tools=[searching()])
    results = await asyncio.gather(*(subject.run(f"q{i}", mode="agent") for i in range(4)))
    assert [r.output for r in results] == ["found"] * 4
    (status,) = cap_status(ledger.folder)
    assert status.totals.reserved.tokens == 0
    assert 1_500 < status.totals.spent.tokens <= 3_000


@pytest.mark.slow
async def test_a_first_cap_that_another_process_sets_meanwhile_ends_a_run(
    ledger: Ledger,
) -> None:
    def another(request: ModelRequest) -> str:
        if len(request.messages) > 6 and not (ledger.folder / "caps").exists():
            line = [LEAN_AGENT, "ledger", "budget", "set", "day", "--tokens=4000"]
            env = os.environ | {"LEAN_AGENT_LEDGER_DIR": str(ledger.folder)}
            subprocess.run(line, env=env, check=True, capture_output=True)
            # More than the estimate of the prompt, by which the call counts when the cap is set.
            return SEARCH.replace("gallium", "metal " * 400)
        return search_on(request)

    subject, model = agent([another] * 50, ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit, result.output) == (
        "limit_exceeded",
        "tokens",
        "found",
    )
    assert result.limit_shared
    assert len(model.requests) > 5
    (status,) = cap_status(ledger.folder)
    assert status.totals.reserved.tokens == 0
    spent = status.totals.spent.tokens
    assert spent == result.usage.total_tokens == queries.spent(ledger.folder, since=0)[1]
    assert 2_000 < spent <= 4_000


async def test_a_store_of_ones_own_keeps_what_is_spent_under_the_caps(tmp_path: Path) -> None:
    shelf = Shelf()
    before, _ = agent([search_on] * 3, Ledger(tmp_path), tools=[searching()])
    first = await before.run("x", mode="agent", budget=Budget(steps=3))
    set_cap(tmp_path, "day", Budget(tokens=4_000), spent=Amount())
    ledger = Ledger(tmp_path, budget_store=DictBudgetStore(shelf))
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()])
    second = await subject.run("x", mode="agent")
    assert (second.exit_status, second.limit, second.output) == (
        "limit_exceeded",
        "tokens",
        "found",
    )
    (status,) = cap_status(tmp_path)
    spent = first.usage.total_tokens + second.usage.total_tokens
    assert shelf.totals[status.scope] == Totals(Amount(tokens=spent, steps=second.steps))
    assert spent <= 4_000
    third = await subject.run("y", mode="instant", budget=Budget(tokens=500))
    assert third.output, "the store is still open"
    assert shelf.totals[status.scope].spent.tokens == spent + third.usage.total_tokens


async def test_a_spent_cap_sends_nothing(ledger: Ledger) -> None:
    set_cap(ledger.folder, "month", Budget(tokens=100), spent=Amount(tokens=100))
    subject, model = agent(["never"], ledger)
    result = await subject.run("hello")
    assert (result.exit_status, result.limit, model.requests) == ("limit_exceeded", "tokens", [])


async def test_an_unpriced_model_is_refused_with_the_lines_that_price_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    day(ledger, usd=1)
    subject, model = agent(["never"], ledger, ModelCard(action_format="schema"))
    with pytest.raises(ConfigurationError, match="a dollar cap cannot hold") as refused:
        await subject.run("hello")
    assert model.requests == []
    where, *lines = (refused.value.hint or "").split("\n")
    assert str(config_dir() / "prices.toml") in where
    own = tmp_path / "prices.toml"
    own.write_text("\n".join(lines).replace("…", "0.5"))
    price = PriceTable(own).price("scripted:test")
    assert price is not None
    assert price.worst_case(1_000_000, 1_000_000, 0.0) == 1


async def test_dollars_of_every_attempt_count(ledger: Ledger, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."scripted:test"]\ninput = "1000"\noutput = "1000"\n')
    day(ledger, usd=5)
    subject, _ = agent(
        [SEARCH, "nonsense", ANSWER, "29.8"],
        ledger,
        tools=[searching()],
        prices=PriceTable(prices),
    )
    result = await subject.run("x", mode="agent")
    (status,) = cap_status(ledger.folder)
    assert status.totals.spent.usd == result.usage.cost
    assert isinstance(result.usage.cost, Decimal)


async def test_a_cap_that_cannot_be_written_keeps_enforcing(ledger: Ledger) -> None:
    day(ledger, tokens=2_000)
    (ledger.folder / "budgets.sqlite").write_bytes(b"no database at all" * 500)
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert result.output
    assert result.notices


async def test_a_session_is_charged_for_every_run_and_ends_them(ledger: Ledger) -> None:
    session = Account(Budget(tokens=3_000))
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()], account=session)
    first = await subject.run("x", mode="agent", budget=Budget(steps=3))
    assert (first.exit_status, first.limit) == ("limit_exceeded", "steps")
    assert first.limit_of == "run"
    assert session.spent.tokens == first.usage.total_tokens
    second = await subject.run("y", mode="agent")
    assert (second.exit_status, second.limit, second.output) == (
        "limit_exceeded",
        "tokens",
        "found",
    )
    assert (second.limit_of, second.limit_shared) == ("parent", False)
    assert session.spent.tokens == first.usage.total_tokens + second.usage.total_tokens <= 3_000
    assert session.reserved == Amount()


async def test_whose_limit_it_was_is_known_although_others_hold_much(ledger: Ledger) -> None:
    session = Account(Budget(tokens=3_000, tool_calls=1))
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()], account=session)
    with session.reserve(Amount(tokens=1_000)):  # then less is left there than the cap leaves
        own = await subject.run("x", mode="agent", budget=Budget(tokens=600))
    assert (own.limit, own.limit_of) == ("tokens", "run")
    above = await subject.run("x", mode="agent", budget=Budget(tool_calls=5))
    assert (above.limit, above.limit_of) == ("tool_calls", "parent")


async def test_an_answer_cut_short_tells_whose_limit_did_it(ledger: Ledger) -> None:
    day(ledger, tokens=200)
    subject, _ = agent(["word " * 300], ledger)
    result = await subject.run("x", mode="instant", budget=Budget(tokens=5_000))
    assert (result.limit, result.limit_of, result.limit_shared) == ("tokens", "shared", True)


async def test_siblings_cannot_eat_the_slice_of_each_others_answers(ledger: Ledger) -> None:
    session = Account(Budget(tokens=12_000))
    subject, _ = agent([search_on] * 500, ledger, tools=[searching()], account=session)
    results = await asyncio.gather(*(subject.run(f"q{i}", mode="agent") for i in range(6)))
    assert [r.output for r in results] == ["found"] * 6
    assert session.spent.tokens <= 12_000
    assert session.reserved == Amount()


async def test_a_resumed_run_is_charged_once_to_the_session(ledger: Ledger, tmp_path: Path) -> None:
    session = Account(Budget(tokens=50_000))
    subject, _ = agent(
        [search_on] * 50,
        ledger,
        tools=[searching()],
        account=session,
        checkpoints=tmp_path / "checkpoints.sqlite",
    )
    first = await subject.run("x", mode="agent", budget=Budget(steps=3))
    second = await subject.resume(first.run_id, budget=Budget(steps=6))
    assert session.spent.tokens == second.usage.total_tokens


async def test_a_run_waits_for_what_others_hold_and_will_not_use(
    ledger: Ledger,
) -> None:
    async def short(_request: ModelRequest) -> str:
        await asyncio.sleep(0.01)
        return "short"

    session = Account(Budget(tokens=6_000))
    subject, _ = agent([short] * 30, ledger, account=session)
    results = await asyncio.gather(*(subject.run(f"q{i}", mode="instant") for i in range(30)))
    assert {r.exit_status for r in results} == {"completed"}
    assert session.spent.tokens <= 6_000
    assert session.reserved.tokens == 0


@pytest.mark.parametrize("events", [1, 2])
async def test_a_stream_left_early_holds_nothing(ledger: Ledger, events: int) -> None:
    day(ledger, tokens=50_000)
    session = Account(Budget(tokens=50_000))
    subject, _ = agent([search_on] * 50, ledger, tools=[searching()], account=session)
    for _ in range(3):
        stream = subject.stream("x", mode="agent")
        for _ in range(events):
            await anext(stream)
        await stream.aclose()
    assert session.reserved == Amount()
    (status,) = cap_status(ledger.folder)
    assert status.totals.reserved == Amount()


async def test_a_dollar_cap_set_meanwhile_stops_an_unpriced_run(ledger: Ledger) -> None:
    def capped(request: ModelRequest) -> str:
        day(ledger, usd="0.01")
        return search_on(request)

    card = ModelCard(action_format="schema")
    day(ledger, tokens=500_000)
    subject, model = agent([capped, search_on, search_on], ledger, card, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "usd")
    assert len(model.requests) == 1


async def test_an_unpriced_part_cannot_go_on_under_a_dollar_cap(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoints.sqlite"
    card = ModelCard(action_format="schema")
    first, _ = agent([search_on] * 9, ledger, card, tools=[searching()], checkpoints=path)
    stopped = await first.run("x", mode="agent", budget=Budget(steps=2))
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."scripted:test"]\ninput = "1"\noutput = "1"\n')
    second, model = agent(
        [search_on] * 9,
        ledger,
        card,
        tools=[searching()],
        checkpoints=path,
        prices=PriceTable(prices),
    )
    with pytest.raises(ConfigurationError, match="earlier part"):
        await second.resume(stopped.run_id, budget=Budget(usd=1))
    assert model.requests == []


async def test_a_run_that_is_cancelled_while_it_is_opened_holds_nothing_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def never(*_args: object) -> None:
        looking.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(Disclosed, "go_on", never)  # which ranks tools in a thread
    day(ledger, tokens=2_000)
    subject, _ = agent(["found"], ledger, tools=[searching()])
    run = asyncio.ensure_future(subject.run("x", mode="agent"))
    await looking.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (status,) = cap_status(ledger.folder)
    assert status.totals == Totals()
