"""What runs did is remembered, found again by a task like theirs, and forgotten."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, SEARCH, agent, searching, starts_with_the_previous

from lean_agent import Ledger
from lean_agent.context import RunContext
from lean_agent.embedder import Embedded
from lean_agent.errors import ModelError
from lean_agent.result import RunResult, TrajectoryStep
from lean_agent.trajectory.episodes import Episode, Episodes
from lean_agent.trajectory.memory import Memory
from lean_agent.usage import Usage

KEY = "sk-proj-abcdefghijklmnop1234567890"
MELTS = "At how many degrees does gallium melt?"
DAY = 86_400


def result(output: str = "29.8", **more: Any) -> RunResult:
    step = TrajectoryStep(step=1, tool="search", arguments={"query": "x"}, observation="y")
    given: dict[str, Any] = {
        "messages": (),
        "usage": Usage(),
        "mode": "agent",
        "exit_status": "completed",
        "steps": 2,
        "tool_calls": 1,
        "seconds": 1.0,
        "run_id": "run-1",
        "trajectory": (step,),
    }
    return RunResult(output=output, **given | more)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "memory")


async def recalled(memory: Memory, task: str) -> str:
    return await memory.recalled(task, RunContext())


async def test_a_task_like_an_earlier_one_recalls_it(memory: Memory) -> None:
    assert await recalled(memory, MELTS) == ""
    memory.remember(MELTS, result())
    memory.remember("When does the last bus leave?", result("23:40"))
    text = await recalled(
        memory, "How many degrees until gallium melts, at sea level? melt degrees"
    )
    assert text.startswith("From earlier runs")
    assert "Answer: 29.8" in text
    assert 'By: search {"query": "x"}' in text
    assert "23:40" not in text
    assert await recalled(memory, "Who wrote Faust?") == ""
    memory.remember(MELTS, result("29.76"))  # who asks again replaces what was remembered
    assert "29.76" in await recalled(memory, MELTS)
    assert len(memory.episodes.all()) == 2


@pytest.mark.parametrize(
    "left_out",
    [{"exit_status": "limit_exceeded"}, {"output": ""}, {"trajectory": ()}],
)
def test_what_is_not_worth_it_is_not_remembered(left_out: dict[str, Any], memory: Memory) -> None:
    memory.remember(MELTS, result(**left_out))
    assert memory.episodes.all() == []


def held(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_what_is_forgotten_is_gone_from_the_disk(memory: Memory, tmp_path: Path) -> None:
    memory.remember(MELTS, result("xylograph"))
    memory.remember("When does the last bus leave?", result("23:40"))
    assert await recalled(memory, MELTS)
    gone = next(e.id for e in memory.episodes.all() if e.title == MELTS)
    assert memory.forget([gone, "nothing"]) == 1

    assert b"xylograph" not in held(tmp_path)
    assert await recalled(memory, MELTS) == ""
    assert "23:40" in await recalled(memory, "When does the last bus leave?")


def test_secrets_are_not_remembered_and_only_the_owner_may_read(
    memory: Memory, tmp_path: Path
) -> None:
    memory.remember(f"My key is {KEY}.", result(f"It is {KEY}."))
    (path,) = (tmp_path / "memory" / "episodes").glob("*.json")
    assert KEY not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def episode(number: int) -> Episode:
    return Episode(title=f"{number}?", text="x", run_id="r", remembered=float(number))


def test_what_was_of_no_use_for_the_longest_goes_first(tmp_path: Path) -> None:
    kept = Episodes(tmp_path / "episodes", most=3, keep_days=30)
    for number in range(3):
        kept.add(episode(number))
        path = kept.folder / f"{episode(number).id}.json"
        os.utime(path, (0, time.time() - (9 - number) * DAY))
    kept.used([episode(0).id])
    kept.add(episode(3))
    assert [e.title for e in kept.all()] == ["3?", "2?", "0?"]
    old = kept.folder / f"{episode(2).id}.json"
    os.utime(old, (0, time.time() - 31 * DAY))
    kept.add(episode(4))
    assert [e.title for e in kept.all()] == ["4?", "3?", "0?"]


class Meanings:
    """An embedder by which all that speaks of heat is alike."""

    name = "test:meanings"
    fails = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Embedded:
        import numpy as np

        if self.fails:
            raise ModelError("down", model=self.name)
        self.asked += texts
        hot = [any(word in text for word in ("melt", "liquid")) for text in texts]
        vectors = np.array([[float(is_hot), float(not is_hot)] for is_hot in hot], np.float32)
        return Embedded(vectors=vectors, usage=Usage(input_tokens=len(texts), cost=None))

    async def aclose(self) -> None: ...


async def test_an_embedder_finds_by_meaning_and_its_failure_costs_only_that(
    tmp_path: Path,
) -> None:
    embedder = Meanings()
    memory = Memory(tmp_path / "memory", embedder=embedder)
    memory.remember(MELTS, result())
    memory.remember("When does the last bus leave?", result("23:40"))
    text = await recalled(memory, "What makes mercury liquid?")
    assert "29.8" in text
    assert "23:40" not in text
    assert len(embedder.asked) == 3  # two episodes once, and the task
    embedder.fails = True
    assert "29.8" in await recalled(memory, MELTS)
    assert await recalled(memory, "What makes mercury liquid?") == ""


async def test_an_agent_remembers_across_runs(memory: Memory, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    script = [SEARCH, ANSWER, "29.8 degrees"]
    first, asked = agent(script, ledger, tools=[searching()], memory=memory)
    await first.run(MELTS, mode="agent")
    assert "From earlier runs" not in asked.requests[0].messages[1].content
    again, model = agent(script, ledger, tools=[searching()], memory=memory)
    events = [event async for event in again.stream(MELTS, mode="agent")]
    assert events
    opening = model.requests[0].messages[1].content
    assert opening.endswith(f"Answer: 29.8 degrees\n\nQuestion: {MELTS}")
    tools = asked.requests[0].messages[1].content.removesuffix(f"\n\nQuestion: {MELTS}")
    assert opening.startswith(f"{tools}\n\nFrom earlier runs")
    assert starts_with_the_previous(model.requests)
    assert len(memory.episodes.all()) == 1


async def test_a_disk_that_fails_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "memory")
    subject, _ = agent(
        [SEARCH, ANSWER, "29.8"], Ledger(tmp_path / "ledger"), tools=[searching()], memory=memory
    )
    done = await subject.run(MELTS, mode="agent")
    assert done.output == "29.8"
    assert any("this run is not remembered" in notice for notice in done.notices)


def test_a_secret_is_replaced_before_what_came_is_cut(memory: Memory) -> None:
    memory.remember(MELTS, result("x" * 490 + f" {KEY}"))
    step = TrajectoryStep(
        step=1, tool="search", arguments={"q": "y" * 70, "key": KEY}, observation=""
    )
    memory.remember("Who?", result(trajectory=(step,)))
    texts = [episode.text for episode in memory.episodes.all()]
    assert len(texts) == 2
    assert not any("sk-" in text for text in texts)


def test_one_question_remembered_by_many_at_once_stays_whole(tmp_path: Path) -> None:
    episodes = Episodes(tmp_path)

    def add(number: int) -> None:
        for turn in range(20):
            text = str(number) * (1 + 7_000 * ((number + turn) % 2))
            episodes.add(Episode(title="Who?", text=text, run_id="r", remembered=1.0))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    (kept,) = episodes.all()
    assert len(set(kept.text)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"{kept.id}.json"]


async def test_a_disk_that_cannot_be_written_ends_no_run_that_remembers(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.remember(MELTS, result())

    def refuse(*_args: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", refuse)
    told: list[str] = []
    text = await memory.recalled(MELTS, RunContext(log=told.append))
    assert "29.8" in text
    assert told == ["it is not noted that the memory was of use: [Errno 30] Read-only file system"]
