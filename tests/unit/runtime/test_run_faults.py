"""Random sequences of faults at the model boundary, against a real server on loopback."""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.faults import Faults, script
from support.scripted_runs import searching

from lean_agent import Agent, Budget, Ledger, RunResult
from lean_agent._semconv import Mode
from lean_agent.errors import LeanAgentError
from lean_agent.events import RunFinished
from lean_agent.ledger import queries
from lean_agent.model import Model, ModelCard
from lean_agent.models.openai_compatible import OpenAICompatibleModel

_RUNS = 50
_POOLS = ("asyncio_", "lean-agent-work")  # their idle threads end by themselves
_SLACK_SECONDS = 3.0  # of a busy machine, and for what is closed after the deadline


class Metal(BaseModel):
    name: str
    melts: float


@dataclass
class Run:
    """One sequence; ``fallback`` has a server of its own that fails by another script."""

    name: str
    mode: Mode
    streamed: bool
    typed: bool
    fallback: bool
    deadline: float

    @classmethod
    def drawn(cls, name: str, rng: random.Random) -> Run:
        modes: tuple[Mode, ...] = ("instant", "reason", "agent", "auto")
        return cls(
            name=name,
            mode=rng.choice(modes),
            streamed=rng.random() < 0.5,
            typed=rng.random() < 0.3,
            fallback=rng.random() < 0.3,
            deadline=rng.uniform(1.0, 3.0),
        )

    @property
    def addresses(self) -> list[str]:
        return [self.name, f"{self.name}-b"] if self.fallback else [self.name]


@dataclass
class Ended:
    result: RunResult[Any]
    error: LeanAgentError | None
    seconds: float


async def _run(run: Run, faults: Faults, ledger: Ledger) -> Ended:
    card = ModelCard(action_format="native")
    models: list[str | Model] = [
        OpenAICompatibleModel(f"fake:{name}", base_url=faults.url(name), card=card)
        for name in run.addresses
    ]
    agent: Agent[Any] = Agent(
        model=models,
        tools=[searching()],
        ledger=ledger,
        budget=Budget(seconds=run.deadline, steps=12),
        output_type=Metal if run.typed else None,
        planners=[],
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    error: LeanAgentError | None = None
    result: Any = None
    async with agent:
        try:
            if run.streamed:
                async for event in agent.stream("When does gallium melt?", mode=run.mode):
                    if isinstance(event, RunFinished):
                        result = event.result
            else:
                result = await agent.run("When does gallium melt?", mode=run.mode)
        except LeanAgentError as raised:
            error, result = raised, raised.result
        seconds = loop.time() - began
    return Ended(result, error, seconds)


def _check(run: Run, ended: Ended, faults: Faults, ledger: Ledger) -> None:
    result, error = ended.result, ended.error
    assert ended.seconds < run.deadline + _SLACK_SECONDS
    assert isinstance(result, RunResult), f"{error!r} has no result"
    if error is not None:
        assert type(error) is not LeanAgentError, "every failure has a type of its own"
    elif run.typed and result.output:
        assert isinstance(result.output, Metal)
    elif result.exit_status == "completed":
        assert result.output
    calls = [e for e in queries.show(ledger.folder, result.run_id) if e["operation"] == "chat"]
    assert all(call["state"] == "closed" for call in calls)
    asked = sum(faults.asked.get(name, 0) for name in run.addresses)
    assert sum(c["input_tokens"] + c["output_tokens"] for c in calls) == result.usage.total_tokens
    counted = sum(
        call["input_tokens"] + call["output_tokens"]
        for call in calls
        if "estimated" not in (call["provenance"] or "")
    )
    whole = sum(faults.whole.get(name, 0) for name in run.addresses)
    if result.limit == "seconds":  # a call may have been cut off on its way there or back
        assert (len(calls) >= asked, counted <= whole) == (True, True)
    else:
        assert (len(calls), counted) == (asked, whole)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # the folder's own


def _left_over() -> dict[str, Any]:
    """What this process holds that a run could leave behind."""
    links = [_target(fd) for fd in Path("/proc/self/fd").iterdir()]
    children = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
    return {
        "sockets": sum(link.startswith("socket:") for link in links),
        "processes": {child for listed in children for child in listed.split()},
        "threads": {t.name for t in threading.enumerate() if not t.name.startswith(_POOLS)},
        "files": sorted(Path(tempfile.gettempdir()).iterdir()),
    }


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 11)),
    ],
)
async def test_every_sequence_of_faults_ends_well(
    seed: int, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before, tasks = _left_over(), asyncio.all_tasks()
    runs = [Run.drawn(f"run{number}", rng) for number in range(_RUNS)]
    faults = Faults({name: script(rng) for run in runs for name in run.addresses})
    with faults.server:
        faults.scripts["warm"] = []  # imports take seconds
        await _run(Run("warm", "agent", False, True, False, 60.0), faults, ledger)
        ended = await asyncio.gather(*(_run(run, faults, ledger) for run in runs))
        assert asyncio.all_tasks() == tasks
    ledger.close()
    assert _left_over() == before
    for run, end in zip(runs, ended, strict=True):
        told = {name: faults.scripts[name] for name in run.addresses}
        try:
            _check(run, end, faults, ledger)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {run}, {told}, {end.error!r}: {error}") from error
    kinds = {type(end.error) for end in ended}
    assert type(None) in kinds, "some end well"
    assert len(kinds) > 2, "and some cannot, each in its own way"
