"""What is told of a tool that fails."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from support.scripted_runs import ANSWER, SEARCH, agent

from lean_agent import Ledger, Tool, tool

SECRET = "sk-" + "a1b2c3d4" * 4


def failing(with_what: str) -> Tool:
    @tool
    def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        raise ValueError(f"{query}: {with_what}")

    return search


async def test_the_log_line_of_a_failing_tool_holds_no_secret(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[failing(f"refused with {SECRET}")])
    with caplog.at_level(logging.WARNING, "lean_agent.runtime"):
        await subject.run("x", mode="agent")
    assert "tool search failed" in caplog.text
    assert "ValueError: gallium: refused with [redacted]" in caplog.text
    assert __file__ in caplog.text, "where it failed"
    assert SECRET not in caplog.text


async def test_what_an_unexpected_error_quotes_is_told_to_the_model_without_secrets(
    ledger: Ledger,
) -> None:
    tools = [failing(f"401 for https://host/v1?api_key={SECRET}")]
    subject, model = agent([SEARCH, ANSWER, "29.8"], ledger, tools=tools)
    result = await subject.run("x", mode="agent")
    assert result.trajectory[0].observation == (
        "Error: ValueError: gallium: 401 for https://host/v1?api_key=[redacted]"
    )
    assert SECRET not in model.requests[-1].messages[-3].content


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_tool_that_was_cancelled_from_within_failed_and_ends_no_run(
    ledger: Ledger, in_thread: bool
) -> None:
    async def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        inner = asyncio.ensure_future(asyncio.sleep(60))
        inner.cancel()
        await inner
        return query

    def blocking(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        raise asyncio.CancelledError

    made = tool(name="search")(blocking if in_thread else search)
    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[made])
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.output) == ("completed", "29.8")
    (step,) = result.trajectory
    assert (step.is_error, step.observation) == (True, "Error: CancelledError")


async def test_what_a_call_that_took_too_long_would_change_is_not_said_to_be_undone(
    ledger: Ledger,
) -> None:
    go = threading.Event()

    @tool(side_effects=True, timeout=0.05)
    def send(text: str) -> str:
        """Send."""
        go.wait(10)  # nobody can stop a thread
        return text

    call = '{"tool":"send","arguments":{"text":"hi"}}'
    subject, _ = agent([call, ANSWER, "?"], ledger, tools=[send], allow=["send"])
    result = await subject.run("x", mode="agent")
    go.set()
    assert result.trajectory[0].observation == (
        "Error: send took longer than 0.05 s and was stopped; it may have happened or not"
    )
