"""What is told of a tool that fails."""

from __future__ import annotations

import logging

import pytest
from support.scripted_runs import ANSWER, SEARCH, agent

from lean_agent import Ledger, tool


async def test_the_log_line_of_a_failing_tool_holds_no_secret(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "sk-" + "a1b2c3d4" * 4

    @tool
    def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        raise ValueError(f"{query}: refused with {secret}")

    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[search])
    with caplog.at_level(logging.WARNING, "lean_agent.runtime"):
        await subject.run("x", mode="agent")
    assert "tool search failed" in caplog.text
    assert "ValueError: gallium: refused with [redacted]" in caplog.text
    assert __file__ in caplog.text, "where it failed"
    assert secret not in caplog.text
