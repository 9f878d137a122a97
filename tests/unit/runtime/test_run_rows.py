"""What a run enters in the ledger: open before it is sent, closed with the truth."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import ANSWER, SEARCH, agent, rows, searching

from lean_agent import Agent, Ledger
from lean_agent.errors import ModelError
from lean_agent.ledger import queries
from lean_agent.ledger.entries import Entry
from lean_agent.model import ModelRequest


def lines(ledger: Ledger) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((ledger.folder / "segments").iterdir()):
        found += map(json.loads, path.read_text().splitlines()[1:])
    return found


async def test_a_call_is_entered_before_it_is_sent(ledger: Ledger) -> None:
    seen: list[list[dict[str, Any]]] = []

    def look(_request: ModelRequest) -> str:
        seen.append(lines(ledger))
        return "hi"

    subject, _ = agent([look], ledger)
    result = await subject.run("hello")
    run, call = seen[0]
    assert (run["operation"], run["state"]) == ("invoke_agent", "open")
    assert (call["operation"], call["state"], call["parent_id"]) == ("chat", "open", run["id"])
    assert call["input_tokens"] > 0
    assert call["output_tokens"] == 0
    assert "estimated" in call["provenance"]
    closed = {line["id"]: line for line in lines(ledger) if line["state"] == "closed"}
    assert set(closed) == {run["id"], call["id"]}
    assert closed[run["id"]]["finish_reason"] == result.exit_status == "completed"
    assert closed[call["id"]]["output_tokens"] == result.usage.output_tokens


async def test_rows_form_a_tree(ledger: Ledger) -> None:
    entries: list[Entry] = []
    watched = Ledger(ledger.folder, observers=[entries.append])
    subject, _ = agent([SEARCH, ANSWER, "29.8"], watched, tools=[searching()])
    result = await subject.run("x", mode="agent", session_id="s", task_id="t")
    closed = [e for e in entries if e.state == "closed"]
    run = closed[-1]
    assert (run.id, run.purpose, run.session_id, run.task_id) == (result.run_id, "run", "s", "t")
    first, tool, *_ = closed
    assert (first.purpose, first.parent_id) == ("act", run.id)
    assert (tool.purpose, tool.parent_id) == ("tool", first.id)
    assert {(e.session_id, e.task_id) for e in entries} == {("s", "t")}


async def test_each_way_to_end_closes_the_runs_row(ledger: Ledger) -> None:
    entries: list[Entry] = []
    watched = Ledger(ledger.folder, observers=[entries.append])

    sent = asyncio.Event()

    async def hangs(_request: ModelRequest) -> str:
        sent.set()
        await asyncio.sleep(60)
        return "never"

    subject, _ = agent([ModelError("gone", model="scripted:test"), hangs, ""], watched)
    with pytest.raises(ModelError):
        await subject.run("x")
    task = asyncio.ensure_future(subject.run("x"))
    await sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await subject.run("x", mode="instant")
    ends = [e for e in entries if e.purpose == "run" and e.state == "closed"]
    assert [e.finish_reason for e in ends] == ["failed", "interrupted", "failed"]
    assert [e.error_type for e in ends] == ["model", None, None]
    still_open = {e.id for e in entries if e.state == "open"}
    assert still_open == {e.id for e in entries if e.state == "closed"} - {
        e.id for e in entries if e.purpose == "tool"
    }


async def test_an_observer_that_fails_is_told_once_and_ends_nothing(ledger: Ledger) -> None:
    failed: list[str] = []

    def broken(entry: Entry) -> None:
        failed.append(entry.id)
        raise RuntimeError(f"no exporter for {entry.id}")

    subject, _ = agent(["hi"], Ledger(ledger.folder, observers=[broken, broken]))
    result = await subject.run("hello")
    assert result.exit_status == "completed"
    assert len(failed) == 8
    told = f"a ledger observer failed: RuntimeError: no exporter for {failed[0]}"
    assert [n for n in result.notices if "no exporter" in n] == [told, told]


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from lean_agent import Agent, Ledger
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel

async def hangs(request):
    print("sent", flush=True)
    await asyncio.sleep(60)

model = ScriptedModel([hangs], card=ModelCard(action_format="schema", self_hosted=True))
Agent(model=model, ledger=Ledger(Path(sys.argv[1]))).run_sync("a question")
"""


@pytest.mark.slow
def test_a_call_in_flight_when_the_process_is_killed_has_a_row(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "sent\n"
        os.kill(process.pid, signal.SIGKILL)
    (run,) = queries.runs(tmp_path)
    (call,) = [row for row in queries.show(tmp_path, run["run_id"]) if row["operation"] == "chat"]
    assert (call["state"], call["error_type"]) == ("open", "unfinished")
    assert call["input_tokens"] > 0


async def test_attempts_are_rows_of_their_own(ledger: Ledger) -> None:
    busy = ModelError("busy", model="scripted:test", retryable=True, retry_after=0.01)
    subject, _ = agent([busy, "here"], ledger)
    result = await subject.run("hello")
    first, second = rows(ledger, result)
    assert first["id"] != second["id"]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert (first["state"], second["state"]) == ("closed", "closed")


@pytest.mark.slow
@pytest.mark.parametrize(("usage", "known"), [("llama_cpp", True), ("openai", False)])
async def test_the_wait_for_the_server_is_entered_where_it_is_known(
    usage: Any, known: bool, ledger: Ledger, server: FakeOpenAI
) -> None:
    server.say(Reply(usage=usage, delay=1.0))  # it says it was busy with the call for 0.75 s
    async with Agent(model="openai:x", base_url=server.url, ledger=ledger) as subject:
        (row,) = rows(ledger, await subject.run("Hi?"))
    if known:
        assert 0.2 < row["queue_seconds"] <= row["seconds"] - 0.75
    else:
        assert row["queue_seconds"] is None
