from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lean_agent.cli.chat.caps import may_go_on, raised, raising
from lean_agent.cli.run_status import RunStatus
from lean_agent.events import CostUpdated, ModeChosen, RunStarted, StepStarted
from lean_agent.ledger.budget import Budget
from lean_agent.result import RunResult
from lean_agent.usage import Usage


def spent(tokens: int, cached: int = 0, cost: str | None = "0") -> CostUpdated:
    money = None if cost is None else Decimal(cost)
    return CostUpdated(
        Usage(input_tokens=tokens, cache_read_input_tokens=cached, output_tokens=50, cost=money)
    )


def test_the_line_tells_what_a_run_takes_and_what_is_left() -> None:
    budget = Budget(usd="0.05", tokens=2_000, steps=4)
    status = RunStatus(budget=budget, window=8_000)
    assert status.line(200) == "left $0.0500, 2,000 tokens, 4 steps"
    for event in (
        RunStarted("r"),
        ModeChosen("agent", ""),
        StepStarted(1),
        spent(550, 0, "0.01"),
        StepStarted(2),
        spent(1_300, 600, "0.02"),
    ):
        status.note(event)
    assert status.line(200, "thinking") == (
        "thinking | agent | step 2 | 1,350 tokens, 46 % cached | $0.02"
        " | left $0.0300, 650 tokens, 2 steps | context 9 %"
    )
    in_short = "agent | 2/4 steps | 1.4k/2k tok, 46% cached | $0.02/0.05 | ctx 9%"
    both = f"thinking | {in_short}"
    assert status.line(len(both), "thinking") == both
    assert status.line(len(both) - 1, "thinking") == in_short
    assert status.line(20, "thinking") == "agent 2/4 steps 1..."
    assert (status.newly_spent(), status.newly_spent()) == ("1,350 tokens, $0.02", "")
    status.note(RunStarted("next"))
    assert status.line(200) == "left $0.0500, 2,000 tokens, 4 steps | context 9 %"


def test_an_unknown_cost_is_never_shown_as_nothing() -> None:
    status = RunStatus(budget=Budget(usd=1))
    status.note(RunStarted("r"))
    status.note(spent(10, cost=None))
    assert status.line(200) == "60 tokens, 0 % cached | $? | left $?"


def limited(**facts: Any) -> RunResult:
    given: dict[str, Any] = {
        "output": "best so far",
        "messages": (),
        "usage": Usage(),
        "mode": "agent",
        "exit_status": "limit_exceeded",
        "steps": 1,
        "tool_calls": 0,
        "seconds": 0.1,
        "run_id": "r",
        "limit": "tokens",
        "limit_of": "run",
        "resumable": True,
    }
    return RunResult(**(given | facts))


@pytest.mark.parametrize(
    ("facts", "offered"),
    [
        ({}, True),
        ({"resumable": False}, False),
        ({"limit_of": "shared"}, False),
        ({"exit_status": "completed"}, False),
    ],
)
def test_only_a_runs_own_limit_can_be_raised(facts: dict[str, Any], offered: bool) -> None:
    assert may_go_on(limited(**facts)) is offered


@pytest.mark.parametrize(
    ("limit", "told"),
    [("tokens", "4,000 tokens"), ("usd", "$0.10"), ("steps", "8 steps"), ("seconds", "60 seconds")],
)
def test_raising_doubles_the_limit_that_ended_the_run(limit: str, told: str) -> None:
    budget = Budget(usd="0.05", tokens=2_000, steps=4, seconds=30)
    assert told in raising(limited(limit=limit), budget)
    after = raised(limited(limit=limit), budget)
    assert getattr(after, limit) == 2 * getattr(budget, limit)
    others = {"usd", "tokens", "steps", "seconds"} - {limit}
    assert all(getattr(after, name) == getattr(budget, name) for name in others)
