"""Many runs at once in one process, against a server on loopback: what is whose, memory, time."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply

from lean_agent import Agent, Budget, Ledger, RunResult, tool
from lean_agent.ledger import queries
from lean_agent.model import ModelCard
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable

_CALLS = 4
_NAME = re.compile(r"run-\d+-")
_BYTES_A_RUN = 600_000
_BYTES_LEFT_A_RUN = 30_000


@tool
async def look(name: str) -> str:
    """Look something up.

    Args:
        name: What.
    """
    await asyncio.sleep(0)
    return f"{name} is found."


def serve(request: FakeRequest) -> Reply:
    """A few calls of the tool, each with the name of the run that asks, then its name."""
    messages = request.body["messages"]
    (name,) = set(_NAME.findall(json.dumps(messages)))  # another run's would be cross-talk
    done = sum(message["role"] == "tool" for message in messages)
    if done == _CALLS:
        return Reply(text=f"All about {name}")
    return Reply(text="", tool_calls=(("look", json.dumps({"name": f"{name}{done}"})),))


class Load:
    """One agent whose runs all go through it, and the process's time without the server's."""

    def __init__(self, server: FakeOpenAI, folder: Path) -> None:
        self.server = server
        self.ledger = Ledger(folder / "ledger")
        card = ModelCard(action_format="native")
        prices = folder / "prices.toml"
        prices.write_text('[models."fake:echo"]\ninput = "0.15"\noutput = "0.60"\n')
        self.agent: Agent[Any] = Agent(
            model=OpenAICompatibleModel("fake:echo", base_url=server.url, card=card),
            tools=[look],
            ledger=self.ledger,
            budget=Budget(usd=1, steps=20, seconds=300),
            prices=PriceTable(prices),
            planners=[],
        )
        self._begun = 0

    def seconds(self) -> float:
        """Processor time of everything in this process but the server's thread."""
        return time.process_time() - self.server.thread_seconds()

    async def runs(self, count: int) -> list[RunResult[Any]]:
        names = [f"run-{n}-" for n in range(self._begun, self._begun + count)]
        self._begun += count
        found = await asyncio.gather(
            *(self.agent.run(f"What is {name}?", mode="agent") for name in names)
        )
        for name, result in zip(names, found, strict=True):
            assert (result.exit_status, result.output) == ("completed", f"All about {name}")
            assert [step.observation for step in result.trajectory] == [
                f"{name}{n} is found." for n in range(_CALLS)
            ]
        return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.soak)])
async def test_runs_at_once_are_each_their_own_and_none_is_dearer(
    count: int, tmp_path: Path
) -> None:
    with FakeOpenAI(serve) as server:
        load = Load(server, tmp_path)
        async with load.agent:
            await load.runs(2)  # what is loaded and opened once
            before = load.seconds()
            for _ in range(20):
                await load.runs(1)
            alone = (load.seconds() - before) / 20
            reported = list(server.reported)
            before = load.seconds()
            found = await load.runs(count)
            each = (load.seconds() - before) / count
            reported = [now - then for now, then in zip(server.reported, reported, strict=True)]
        load.ledger.close()
    assert each < 1.5 * alone, f"{1e3 * alone:.1f} ms a run alone, {1e3 * each:.1f} ms of {count}"
    _check_rows(load.ledger, found, reported)


def _check_rows(ledger: Ledger, found: list[RunResult[Any]], reported: list[int]) -> None:
    """Each run has its own rows, and they come to what the server has counted."""
    counted = [0, 0]
    for result in found:
        rows = [r for r in queries.show(ledger.folder, result.run_id) if r["operation"] == "chat"]
        assert len(rows) == _CALLS + 1 == result.steps
        tokens = [sum(row[f"{kind}_tokens"] for row in rows) for kind in ("input", "output")]
        assert tokens == [result.usage.input_tokens, result.usage.output_tokens]
        counted = [before + now for before, now in zip(counted, tokens, strict=True)]
    assert counted == reported


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.soak)])
async def test_memory_is_bounded_by_the_runs_under_way(count: int, tmp_path: Path) -> None:
    with FakeOpenAI(serve) as server:
        load = Load(server, tmp_path)
        async with load.agent:
            await load.runs(count)
            server.requests.clear()
            gc.collect()
            tracemalloc.start()
            try:
                await load.runs(count)
                _, peak = tracemalloc.get_traced_memory()
                server.requests.clear()
                gc.collect()
                left, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        load.ledger.close()
    assert peak < count * _BYTES_A_RUN, f"{peak / count / 1e3:.0f} kB a run"
    assert left < count * _BYTES_LEFT_A_RUN, f"{left / count / 1e3:.0f} kB a run stay"
