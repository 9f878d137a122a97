"""What is easily got wrong when an agent is made is refused in one line, or meant well."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lean_agent import Agent, ConfigurationError, Hooks, Ledger, tool
from lean_agent.models.scripted import ScriptedModel


@tool
def pieces() -> int:
    """Say how many pieces there are."""
    return 3


def test_a_budget_that_does_not_say_of_what_is_refused(ledger: Ledger) -> None:
    given = cast("Any", 100)
    with pytest.raises(ConfigurationError, match="budget is no Budget but of type int") as refused:
        Agent(model=ScriptedModel([]), ledger=ledger, budget=given)
    assert "Budget(tokens=5_000)" in (refused.value.hint or "")
    with pytest.raises(ConfigurationError, match="no Budget"):
        Agent(model=ScriptedModel([]), ledger=ledger).run_sync("Hello", budget=given)


def test_one_tool_and_one_object_of_hooks_are_as_good_as_lists(ledger: Ledger) -> None:
    agent = Agent(model=ScriptedModel(["3"]), ledger=ledger, tools=pieces, hooks=Hooks())
    assert list(agent.tools) == ["pieces"]
    assert agent.run_sync("How many?", mode="instant").output == "3"


def test_hooks_that_are_none_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="which is no Hooks"):
        Agent(model=ScriptedModel([]), ledger=ledger, hooks=[cast("Any", Hooks)])
