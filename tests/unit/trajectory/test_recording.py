"""Runs that are asked to be written down are, and are forgotten again."""

from __future__ import annotations

import multiprocessing
import stat
import time
from pathlib import Path

import pytest
from support.scripted_runs import ANSWER, NATIVE, SCHEMA, SEARCH, agent, searching
from support.trajectories import acted, trajectory

from lean_agent import Budget, ConfigurationError, Ledger, Message, tool
from lean_agent.errors import LeanAgentError
from lean_agent.events import RunFinished
from lean_agent.messages import ToolCall
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.record import Source, Trajectory
from lean_agent.trajectory.recording import Recorder

KEY = "sk-proj-abcdefghijklmnop1234567890"
DAY = 86_400


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(path=tmp_path / "kept" / "runs.jsonl")


def kept(recorder: Recorder) -> list[Trajectory]:
    return list(read_trajectories(recorder.file))


async def test_a_run_is_written_down(ledger: Ledger, recorder: Recorder) -> None:
    subject, _ = agent(
        [SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching()], record=recorder
    )
    result = await subject.run("How hot?", mode="agent", task_id="heat")
    (found,) = kept(recorder)
    assert (found.id, found.task_id, found.question) == (result.run_id, "heat", "How hot?")
    assert (found.output, found.ending, found.passed) == (result.output, "completed", None)
    assert found.instructions
    assert found.turns == result.steps
    assert found.usage.tokens == result.usage.total_tokens
    act, *_, answer = found.steps
    done = result.trajectory[0]
    assert (act.action, act.arguments, act.observation) == (
        done.tool, done.arguments, done.observation,
    )  # fmt: skip
    assert answer.kind == "answer"
    assert answer.arguments == {"argument": result.output}
    assert sum(step.usage.tokens or 0 for step in found.steps) == result.usage.total_tokens
    assert (found.source.format, found.source.arm) == ("run", "agent")
    assert time.time() - found.source.recorded < 60


@pytest.mark.parametrize("card", [SCHEMA, NATIVE], ids=["schema", "native"])
async def test_what_was_foreseen_is_a_turn_that_took_no_tokens(
    ledger: Ledger, recorder: Recorder, card: ModelCard
) -> None:
    @tool(foreseen=lambda task, ctx: [{"name": "tin"}, {"name": "lead"}])
    def look_up(name: str) -> str:
        """Look up."""
        return f"{name} melts."

    call = Message("assistant", "", (ToolCall("c1", "search", {"query": "gallium"}),))
    said = [SEARCH, ANSWER, "29.8 degrees"] if card is SCHEMA else [call, "29.8 degrees"]
    tools = [look_up, searching()]
    subject, _ = agent(said, ledger, card, tools=tools, record=recorder)
    result = await subject.run("How hot?", mode="agent")
    (found,) = kept(recorder)
    assert [step.turn for step in found.steps] == list(range(len(said) + 2))
    assert [step.action for step in found.steps[:3]] == ["look_up", "look_up", "search"]
    assert [step.usage.tokens for step in found.steps[:2]] == [0, 0]
    assert [step.arguments for step in found.steps[:2]] == [{"name": "tin"}, {"name": "lead"}]
    assert found.steps[-1].arguments == {"argument": "29.8 degrees"}
    assert sum(step.usage.tokens or 0 for step in found.steps) == result.usage.total_tokens


async def test_nothing_is_written_down_unasked(ledger: Ledger, tmp_path: Path) -> None:
    subject, _ = agent(["yes"], ledger)
    await subject.run("Is it?", mode="instant")
    assert not Recorder().file.exists()


async def test_streamed_runs_and_turns_of_a_conversation(
    ledger: Ledger, recorder: Recorder
) -> None:
    subject, _ = agent(["one", "two"], ledger, record=recorder)
    first = await subject.run("Count.", mode="instant")
    events = [
        event async for event in subject.stream("On.", mode="instant", history=first.messages)
    ]
    assert isinstance(events[-1], RunFinished)
    one, two = kept(recorder)
    assert (one.question, one.output, one.turns) == ("Count.", "one", 1)
    assert (two.question, two.output, two.turns) == ("On.", "two", 1)


async def test_what_a_failed_run_did_is_written_down(ledger: Ledger, recorder: Recorder) -> None:
    def fails(_: ModelRequest) -> str:
        raise LeanAgentError("down")

    subject, _ = agent([SEARCH, fails], ledger, tools=[searching()], record=recorder)
    with pytest.raises(LeanAgentError, match="down"):
        await subject.run("How hot?", mode="agent")
    (found,) = kept(recorder)
    assert found.ending == "failed"
    assert found.steps[0].action == "search"


async def test_a_disk_that_fails_ends_no_run(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(path=tmp_path / "file" / "runs.jsonl")
    subject, _ = agent(["yes"], ledger, record=recorder)
    result = await subject.run("Is it?", mode="instant")
    assert result.output == "yes"
    assert any("this run was not recorded" in notice for notice in result.notices)


async def test_secrets_are_not_written_down(ledger: Ledger, recorder: Recorder) -> None:
    subject, _ = agent([f"it is {KEY}"], ledger, record=recorder)
    await subject.run(f"My key is {KEY}. And yours?", mode="instant")
    assert KEY not in recorder.file.read_text()
    assert len(kept(recorder)) == 1


def old(days: float, name: str) -> Trajectory:
    source = Source(format="run", recorded=time.time() - days * DAY)
    return trajectory([acted(0)], id=name, source=source)


def test_only_the_owner_may_read_it(recorder: Recorder) -> None:
    recorder.record(old(0, "a"))
    assert stat.S_IMODE(recorder.file.stat().st_mode) == 0o600


def test_what_is_old_goes_when_something_new_comes(recorder: Recorder) -> None:
    forever = Recorder(path=recorder.file, keep_days=None)
    for days in (40, 31, 29, 1):
        forever.record(old(days, str(days)))
    assert [item.id for item in kept(recorder)] == ["40", "31", "29", "1"]
    recorder.record(old(0, "new"))
    assert [item.id for item in kept(recorder)] == ["29", "1", "new"]
    assert stat.S_IMODE(recorder.file.stat().st_mode) == 0o600
    assert Recorder(path=recorder.file, keep_days=10).purge(10) == 1
    assert recorder.purge(0) == 2
    assert kept(recorder) == []
    assert recorder.purge(0) == 0


def test_a_line_that_a_kill_cut_off_is_taken_out(recorder: Recorder) -> None:
    recorder.record(old(0, "a"))
    with recorder.file.open("a") as file:
        file.write('{"version":1,"id":"' + "x" * 200_000)
    recorder.record(old(0, "b"))
    assert [item.id for item in kept(recorder)] == ["a", "b"]


def test_a_line_of_something_else_is_told_and_nothing_is_removed(recorder: Recorder) -> None:
    Recorder(path=recorder.file, keep_days=None).record(old(40, "a"))
    with recorder.file.open("a") as file:
        file.write("mine\n")
    before = recorder.file.read_bytes()
    with pytest.raises(ConfigurationError, match="line 2 is no trajectory"):
        recorder.purge(30)
    assert recorder.file.read_bytes() == before


def write_many(path: Path, name: int) -> None:
    for number in range(50):
        Recorder(path=path).record(old(40 if number % 2 else 0, f"{name}-{number}"))


@pytest.mark.slow
def test_several_processes_lose_nothing(recorder: Recorder) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(recorder.file, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    recorder.purge(30)
    names = [item.id for item in kept(recorder)]
    assert sorted(names) == sorted(f"{n}-{number}" for n in range(3) for number in range(0, 50, 2))


def test_runs_are_forgotten_by_their_ids(recorder: Recorder) -> None:
    for name in ("a", "b", "c"):
        recorder.record(old(0, name))
    assert recorder.forget({"a", "c", "elsewhere"}) == 2
    assert [item.id for item in kept(recorder)] == ["b"]
    assert stat.S_IMODE(recorder.file.stat().st_mode) == 0o600


async def test_a_resumed_run_stands_for_its_earlier_part(
    ledger: Ledger, recorder: Recorder, tmp_path: Path
) -> None:
    subject, _ = agent(
        [SEARCH, "not enough", SEARCH.replace("gallium", "tin"), ANSWER, "29.8"],
        ledger,
        tools=[searching()],
        record=recorder,
        checkpoints=tmp_path / "states.sqlite",
    )
    first = await subject.run("How hot?", mode="agent", budget=Budget(steps=2))
    assert first.resumable
    assert [item.ending for item in kept(recorder)] == ["limit_exceeded"]
    await subject.resume(first.run_id, budget=Budget(steps=9))
    (found,) = kept(recorder)
    assert (found.id, found.ending, found.output) == (first.run_id, "completed", "29.8")
    assert [step.arguments for step in found.steps if step.kind == "act"] == [
        {"query": "gallium"}, {"query": "tin"},
    ]  # fmt: skip


@pytest.mark.parametrize(("told", "days"), [("", 30), ("7", 7), ("0.5", 0.5), ("all", None)])
def test_how_long_the_users_own_are_kept(
    told: str, days: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAN_AGENT_RECORD_DAYS", told)
    assert Recorder.of_user() == Recorder(keep_days=days)


@pytest.mark.parametrize("told", ["never", "-1", "0", "inf", "nan"])
async def test_a_wrong_number_of_days_is_told_before_anything_is_spent(
    told: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAN_AGENT_RECORD_DAYS", told)
    subject, model = agent(["yes"], ledger, record=True)
    with pytest.raises(ConfigurationError, match="LEAN_AGENT_RECORD_DAYS is"):
        await subject.run("Is it?", mode="instant")
    assert model.requests == []
