"""Runs that share the embedded engine's slots: structure and accounting, never exact words."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lean_agent import Agent, Budget, Ledger
from lean_agent.ledger import queries
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, RunProgress, Slotted
from lean_agent.models import engine, weights
from lean_agent.models.local import LocalModel
from lean_agent.plugins import load_corpus_tools

NAME = "qwen2.5-coder-0.5b"
CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
QUESTIONS = [
    "Search for the price of one night with the 40 cm telescope.",
    "Search for when the last bus leaves.",
    "Search for who may use the library.",
    "Search for what a guest must bring.",
]

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


def wait_until(condition: Callable[[], bool], patience: float = 5.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_four_agents_on_two_slots_wait_for_each_other_and_each_pays_its_own(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    model = LocalModel(NAME)
    assert isinstance(model, Slotted)
    assert model.free_slots() == 0  # there is no engine yet
    free: set[int] = set()

    async def watch() -> None:
        while True:
            free.add(model.free_slots())
            await asyncio.sleep(0.01)

    async with Agent(
        model=model,
        tools=load_corpus_tools(CORPUS),
        ledger=ledger,
        budget=Budget(steps=2),
        mode="agent",
    ) as agent:
        await agent.run("Search for the house rules.")  # the probe of its action format is over
        watching = asyncio.create_task(watch())
        results = await asyncio.gather(*map(agent.run, QUESTIONS))
        watching.cancel()
        assert model.free_slots() == 2
    assert free == {0, 1, 2}
    waits: list[float] = []
    for result in results:
        calls = [row for row in queries.show(ledger.folder, result.run_id) if row["queue_seconds"]]
        assert len(calls) >= result.steps
        rows = queries.show(ledger.folder, result.run_id)
        assert sum(row["input_tokens"] for row in rows) == result.usage.input_tokens
        assert sum(row["output_tokens"] for row in rows) == result.usage.output_tokens
        for row in calls:
            waits.append(row["queue_seconds"])
            parts = row["queue_seconds"] + row["prompt_seconds"] + row["output_seconds"]
            assert parts <= row["seconds"] + 0.01
    # Two of the four could not be served at once.
    assert sum(wait > 0.1 for wait in waits) >= 2


async def test_a_run_finds_its_prefix_in_its_own_slot() -> None:
    model = LocalModel(NAME)
    texts = {run: f"{run}: " + f"The {run} was seen again and again. " * 20 for run in "ab"}

    async def call(run: str, tail: str) -> float:
        progress = RunProgress(run_id=run, retrievals=0, began=time.monotonic())
        request = ModelRequest(
            messages=(Message("user", texts[run] + tail),), max_output_tokens=2, run=progress
        )
        usage = (await model.generate(request)).usage
        return usage.cache_read_input_tokens / usage.input_tokens

    await asyncio.gather(call("a", "x"), call("b", "x"))
    assert await call("b", "x and y") > 0.8
    assert await call("a", "x and y") > 0.8
    await model.aclose()


async def test_a_run_finds_its_prefix_again_after_anothers_short_call() -> None:
    model = LocalModel(NAME)
    rules = Message("system", "Rules: " + " ".join(f"rule {n} applies." for n in range(30)))
    texts = {run: " ".join(f"{run}{n}" for n in range(120)) for run in "ab"}

    async def call(run: str, *more: str) -> float:
        progress = RunProgress(run_id=run, retrievals=0, began=time.monotonic())
        said = [Message("user", text) for text in (*([texts[run]] if run in texts else []), *more)]
        request = ModelRequest(messages=(rules, *said), max_output_tokens=2, run=progress)
        usage = (await model.generate(request)).usage
        return usage.cache_read_input_tokens / usage.input_tokens

    for run in ("a", "b"):
        await call(run, "x")
    await call("short", "hi")  # the slot that was left last then holds the rules alone
    assert await call("b", "x", "y") > 0.8
    assert await call("a", "x", "y") > 0.8
    await model.aclose()


async def test_users_are_told_of_other_processes() -> None:
    path = weights.find(NAME)
    assert path is not None
    handle = await engine.connect(NAME, weights=path)
    second = await engine.connect(NAME, weights=path)
    assert handle.alone()  # two leases of one process
    code = f"""
        import asyncio
        from pathlib import Path
        from lean_agent.models import engine

        async def main():
            handle = await engine.connect({NAME!r}, weights=Path({str(path)!r}))
            print(handle.alone(), flush=True)
            input()

        asyncio.run(main())
        """
    with subprocess.Popen(  # noqa: ASYNC220 - it is waited for at the end
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert (await asyncio.to_thread(other.stdout.readline)).strip() == "False"
        assert not handle.alone()
        assert not second.alone()
        await asyncio.to_thread(other.communicate, "\n")
    await asyncio.to_thread(wait_until, handle.alone)
    await second.close()
    await handle.close()
