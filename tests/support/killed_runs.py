"""A run of ten steps whose tools append to a file, in processes that are killed on the way.

Each part of the run is a process of its own, forked from a server that has imported what it needs.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from support.fake_openai import FakeOpenAI, FakeRequest, Reply

__all__ = ["EXPECTED", "PRICES", "KilledRun", "begun", "scripted"]

_STEPS = 10
PRICES = '[models."openai:x"]\ninput = "1000"\noutput = "1000"\n'
_TOOL_SECONDS = 0.004  # on each side of what a tool does, so that a kill may fall there

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["duckdb", "openai", "lean_agent.runtime.run"])


def _lines(step: int) -> list[str]:
    """What an action appends: one line, two in one action, or one beside a call that only looks."""
    return [f"{step}.{number}" for number in range(2 if step % 3 == 0 else 1)]


EXPECTED = Counter(line for step in range(_STEPS - 1) for line in _lines(step))


def _step(request: FakeRequest) -> int:
    return sum(message["role"] == "assistant" for message in request.body["messages"])


def scripted(request: FakeRequest) -> Reply:
    """Acts nine times, then answers."""
    step = _step(request)
    if step == _STEPS - 1:
        return Reply(text="all is written", delay=0.005)
    calls = [("append", json.dumps({"line": line})) for line in _lines(step)]
    if step % 3 == 1:
        calls.append(("look", json.dumps({"where": f"place {step}"})))
    return Reply(text="", tool_calls=tuple(calls), delay=0.005)


async def _part(folder: Path, url: str, place: Path | str, run_id: str | None) -> None:
    from lean_agent import Agent, Budget, Ledger, tool
    from lean_agent.errors import ConfigurationError
    from lean_agent.events import RunFinished, RunStarted
    from lean_agent.model import ModelCard
    from lean_agent.models.openai_compatible import OpenAICompatibleModel
    from lean_agent.models.pricing import PriceTable

    @tool(side_effects=True, concurrency_safe=False)
    def append(line: str) -> str:
        """Append a line.

        Args:
            line: It.
        """
        time.sleep(_TOOL_SECONDS)
        fd = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{line}\n".encode())
        os.close(fd)
        time.sleep(_TOOL_SECONDS)
        return f"appended {line}"

    @tool
    def look(where: str) -> str:
        """Look.

        Args:
            where: There.
        """
        return f"there is nothing in {where}"

    agent = Agent(
        model=OpenAICompatibleModel(
            "openai:x", base_url=url, api_key="none", card=ModelCard(action_format="native")
        ),
        tools=[append, look],
        ledger=Ledger(folder / "ledger"),
        checkpoints=place,
        prices=PriceTable(folder / "prices.toml"),
        budget=Budget(steps=1_000),
        allow=["append"],
        mode="agent",
    )
    async with agent:
        events = agent.stream("Write.") if run_id is None else agent.resume_stream(run_id)
        try:
            async for event in events:
                match event:
                    case RunStarted(started):
                        (folder / "run_id").write_text(started)
                    case RunFinished(result):
                        _write(folder / "result", result.to_dict())
                    case _:
                        pass
        except ConfigurationError as error:
            _write(folder / "result", {"refused": error.message})


def _write(path: Path, data: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data))
    part.replace(path)


def part(
    folder: str, url: str, place: Path | str, run_id: str | None, variables: Mapping[str, str]
) -> None:
    """Begin the run, or go on with it; the folder learns its id, and what it came to."""
    os.environ.update(variables)
    asyncio.run(_part(Path(folder), url, place, run_id))


def begun(folder: Path, url: str, place: Path | str, run_id: str | None) -> BaseProcess:
    """A process that begins the run, or goes on with it."""
    variables = {n: v for n, v in os.environ.items() if n.startswith(("XDG_", "LEAN_AGENT_"))}
    args = (str(folder), url, place, run_id, variables)
    process = _processes.Process(target=part, args=args)
    process.start()
    return process


@dataclass
class KilledRun:
    """One run in ``folder``, killed at points that ``random`` chooses until it is through.

    ``seconds`` is how long it takes undisturbed, ``kills`` how often it was killed in the end.
    """

    folder: Path
    place: Path | str
    random: random.Random
    seconds: float = 0.0
    most_kills: int = 0
    kills: int = 0
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    sent: list[FakeRequest] = field(default_factory=list[FakeRequest])

    def go(self) -> None:
        self.folder.mkdir()
        (self.folder / "prices.toml").write_text(PRICES)
        with FakeOpenAI(scripted) as server:
            while not (self.folder / "result").exists():
                self._part(server.url)
            self.sent = server.chats
        self.result = json.loads((self.folder / "result").read_text())

    @property
    def run_id(self) -> str:
        return (self.folder / "run_id").read_text()

    @property
    def effects(self) -> Counter[str]:
        path = self.folder / "effects"
        return Counter(path.read_text().split() if path.exists() else ())

    @property
    def prompt_tokens(self) -> dict[int, int]:
        """By step, what the server counted of the last request; those before were cut off."""
        return {_step(one): -(-len(json.dumps(one.body["messages"])) // 4) for one in self.sent}

    def _part(self, url: str) -> None:
        known = self.folder / "run_id"
        run_id = known.read_text() if known.exists() else None
        known.unlink(missing_ok=True)
        process = begun(self.folder, url, self.place, run_id)
        while process.is_alive() and not (known.exists() and known.read_text()):
            time.sleep(0.002)
        began = time.monotonic()  # no kill is meant for a fork server that starts
        if self.kills < self.most_kills:
            process.join(self.random.uniform(0, self.seconds))
            self._kill(process)
        process.join(60)
        assert process.exitcode is not None, "a part of the run hangs"
        assert process.exitcode <= 0, "a part of the run failed"
        self.seconds = self.seconds or time.monotonic() - began
        if run_id is not None and not known.exists():
            known.write_text(run_id)

    def _kill(self, process: BaseProcess) -> None:
        if process.is_alive():
            process.kill()
            self.kills += 1
