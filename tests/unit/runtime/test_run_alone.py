"""Of all who would go on with a run one does, and it is told to the others before they spend."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.killed_runs import EXPECTED, PRICES, begun, scripted
from support.postgres_server import PostgresServer
from support.scripted_runs import ANSWER, SEARCH, agent, searching

from lean_agent import Budget, Ledger, RunContext, RunResult, tool
from lean_agent.errors import ConfigurationError, RunGoingOnError
from lean_agent.ledger import queries
from lean_agent.runtime import checkpoints
from lean_agent.runtime.checkpoints import open_checkpoints
from lean_agent.runtime.run_locks import give_back, take


@pytest.fixture
def refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_CLAIM_SECONDS", 0.1)


async def until(event: asyncio.Event, run: asyncio.Future[RunResult]) -> None:
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiting, run}, return_when=asyncio.FIRST_COMPLETED)
    assert event.is_set(), run


async def check_one_at_a_time(place: Path | str, ledger: Ledger) -> RunResult:
    """A run that is under way, and one that a limit has ended, is each refused to a second."""
    waits, goes_on = asyncio.Event(), asyncio.Event()
    run_id = ""

    @tool(side_effects=True)
    async def post(text: str, ctx: RunContext) -> str:
        """Send."""
        nonlocal run_id
        run_id = ctx.run_id
        waits.set()
        await goes_on.wait()
        return f"sent {text}"

    call = '{"tool":"post","arguments":{"text":"hi"}}'
    again = call.replace("hi", "ho")
    tools = [post, searching()]
    subject, _ = agent(
        [call, "sent", SEARCH, again, ANSWER, "all"],
        ledger, tools=tools, checkpoints=place, allow=["post"],
    )  # fmt: skip
    other, model = agent(["never"] * 9, ledger, tools=tools, checkpoints=place)
    first = asyncio.ensure_future(subject.run("x", mode="agent", budget=Budget(steps=2)))
    await until(waits, first)
    with pytest.raises(RunGoingOnError, match=f"the run {run_id} is going on already") as caught:
        await other.resume(run_id)
    assert "\n" not in caught.value.message
    assert caught.value.retryable
    goes_on.set()
    assert (await first).resumable

    waits.clear()
    goes_on.clear()
    second = asyncio.ensure_future(subject.resume(run_id, budget=Budget(steps=9)))
    await until(waits, second)
    with pytest.raises(RunGoingOnError):
        await other.resume(run_id, budget=Budget(steps=9))
    goes_on.set()
    result = await second
    assert (result.exit_status, result.output, result.unknown_calls) == ("completed", "all", ())
    with pytest.raises(ConfigurationError, match="there is no run"):
        await other.resume(run_id)
    assert model.requests == []
    return result


@pytest.mark.usefixtures("refused_at_once")
async def test_a_run_under_way_is_nobody_else_s(ledger: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "runs.sqlite"
    result = await check_one_at_a_time(place, ledger)
    lock = tmp_path / "runs.sqlite-lock"
    assert take(lock, result.run_id), "it was given back"
    give_back(lock, result.run_id)
    assert lock.stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.usefixtures("refused_at_once")
async def test_nor_in_postgres(ledger: Ledger, postgres: PostgresServer) -> None:
    await check_one_at_a_time(postgres.url, ledger)


@pytest.mark.slow
def test_a_lock_is_one_run_s_and_its_process_s(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    asks = (
        "import sys\nfrom pathlib import Path\nfrom lean_agent.runtime.run_locks import take\n"
        "print(*(take(Path(sys.argv[1]), run) for run in 'ab'))"
    )
    line = [sys.executable, "-c", asks, str(path)]
    assert [take(path, run) for run in ("a", "a", "c")] == [True, False, True]
    found = subprocess.run(line, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
    give_back(path, "a")
    found = subprocess.run(line, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"], "that process is gone"
    give_back(path, "c")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_two_processes_that_resume_one_run_one_goes_on(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Path | str = tmp_path / "runs.sqlite"
    if kind == "postgres":
        place = request.getfixturevalue("postgres").url
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "prices.toml").write_text(PRICES)
    arrived, released = threading.Event(), threading.Event()
    asked: Counter[int] = Counter()

    def serve(request: FakeRequest) -> Reply:
        step = sum(message["role"] == "assistant" for message in request.body["messages"])
        asked[step] += 1
        if step == 4:
            arrived.set()
            released.wait(60)
        return scripted(request)

    with FakeOpenAI(serve) as server:
        try:
            first = begun(folder, server.url, place, None)
            assert arrived.wait(60)
            first.kill()
            first.join()
            run_id = (folder / "run_id").read_text()
            both = [begun(folder, server.url, place, run_id) for _ in range(2)]
            ends = time.monotonic() + 60
            while all(one.is_alive() for one in both) and time.monotonic() < ends:
                time.sleep(0.01)
            # The server answers nobody yet: who has ended was refused.
            refused = json.loads((folder / "result").read_text())
            assert refused == {"refused": f"the run {run_id} is going on already"}
        finally:
            released.set()
        for one in both:
            one.join(60)
            assert one.exitcode == 0
    result = json.loads((folder / "result").read_text())
    assert (result["exit_status"], result["unknown_calls"]) == ("completed", [])
    assert Counter((folder / "effects").read_text().split()) == EXPECTED
    # The killed one's call was on its way, and only that is made again.
    assert asked == Counter({step: 1 + (step == 4) for step in range(10)})
    rows = queries.show(folder / "ledger", run_id)
    assert sum((row["cost"] for row in rows), Decimal(0)) == Decimal(result["usage"]["cost"])


async def test_opening_a_file_again_leaves_its_first_user_the_log(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    leaves = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as c:\n"
    leaves += "    c.execute('select count(*) from checkpoints').fetchall()\nc.close()"
    async with open_checkpoints(path):
        async with open_checkpoints(path):
            pass
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", leaves, str(path))
        assert await child.wait() == 0
        # Without our lock the other would have been the last to leave, and taken the log with it.
        assert (tmp_path / "runs.sqlite-wal").exists()


async def test_who_was_just_stopped_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with open_checkpoints(path) as later:
        async with open_checkpoints(path) as earlier:
            await earlier.claim("run")
            claiming = asyncio.ensure_future(later.claim("run"))
            await asyncio.sleep(0.1)
            assert not claiming.done()
        await claiming
