"""Runs that are kept in a real Postgres."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
import pytest
from support.postgres_server import PASSWORD, PostgresServer
from support.scripted_runs import ANSWER, SEARCH, agent, searching

from lean_agent import Budget, Ledger
from lean_agent.errors import ConfigurationError

pytestmark = pytest.mark.slow


def kept_rows(postgres: PostgresServer, run_id: str) -> list[int]:
    with psycopg.connect(postgres.url) as connection:
        return [
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE thread_id = %s", (run_id,)
            ).fetchall()[0][0]
            for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
        ]


async def test_a_run_goes_on_from_postgres_and_is_forgotten(
    ledger: Ledger, postgres: PostgresServer
) -> None:
    script = [SEARCH, "so far 29.8", SEARCH.replace("gallium", "tin"), ANSWER, "both"]
    subject, _ = agent(script, ledger, tools=[searching()], checkpoints=postgres.url)
    # Two at once may find the tables missing.
    other, _ = agent([SEARCH, "so far"], ledger, tools=[searching()], checkpoints=postgres.url)
    runs = [a.run("x", mode="agent", budget=Budget(steps=2)) for a in (subject, other)]
    first, _ = await asyncio.gather(*runs)
    assert (first.limit, first.resumable) == ("steps", True)
    assert min(kept_rows(postgres, first.run_id)) > 0
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert (second.exit_status, second.output, second.tool_calls) == ("completed", "both", 2)
    assert kept_rows(postgres, first.run_id) == [0, 0, 0]
    with pytest.raises(ConfigurationError, match="there is no run"):
        await subject.resume(first.run_id)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("postgresql://lean:{password}@127.0.0.1:1/postgres", "connection"),
        ("postgresql://lean:{password}x@/postgres?host={host}", "password authentication failed"),
        ("postgresql://lean:{password}@/postgres?host={host}&colour=red", "colour"),
        ("mysql://lean:{password}@localhost/x", "cannot be kept at"),
    ],
)
async def test_what_cannot_be_used_is_said_without_its_password(
    wrong: str,
    why: str,
    ledger: Ledger,
    postgres: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = postgres.url.partition("host=")[2]
    url = wrong.format(password=PASSWORD, host=host)

    async def run() -> None:
        subject, _ = agent(["never"], ledger, checkpoints=url)
        await subject.run("x")

    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError, match=why) as caught:
        await run()
    error = caught.value
    assert PASSWORD not in f"{error} {error.hint} {error.__cause__} {caplog.text}"


async def test_a_server_that_goes_away_costs_the_resuming_not_the_answer(
    ledger: Ledger, postgres: PostgresServer
) -> None:
    async def stops(_request: object) -> str:
        await asyncio.to_thread(postgres.stop)
        return SEARCH

    async def starts(_request: object) -> str:
        await asyncio.to_thread(postgres.start)
        return SEARCH.replace("gallium", "tin")

    more: dict[str, Any] = {"tools": [searching()], "checkpoints": postgres.url}
    subject, _ = agent([stops, starts, "so far"], ledger, **more)
    first = await subject.run("x", mode="agent", budget=Budget(steps=3))
    assert (first.limit, first.resumable) == ("steps", True), "what was lost is kept again"
    later, _ = agent([ANSWER, "ok"], ledger, **more)
    second = await later.resume(first.run_id)
    assert (second.output, second.notices) == ("ok", ())
    assert [step.arguments["query"] for step in second.trajectory] == ["gallium", "tin"]
