"""What the framework adds to a model call, beside the bare openai client in the same run.

A loopback server in its own process answers at once; an agent takes STEPS steps of one tool call
each through the native format, with the ledger on disk and caps in dollars, tokens and steps; the
bare client then sends the same messages, and so does our own model class by itself, which skips the
client's typed models. The agent's time less the bare client's is what a user pays for the
framework; less our own model class's, it is what everything but the model call takes.

    python bench/overhead.py [--rounds N] [--steps N]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lean_agent import Agent, Budget, Ledger, ModelCard, ModelRequest, tool
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable
from lean_agent.result import RunResult

PRICES = '[models."bench:echo"]\ninput = "0.15"\noutput = "0.60"\n'


@tool
def step(number: int) -> str:
    """Take one step.

    Args:
        number: Which.
    """
    return f"step {number} taken"


@contextmanager
def echo_server() -> Generator[str]:
    """The server's base URL."""
    script = Path(__file__).with_name("echo_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def bodies_of(result: RunResult) -> list[dict[str, Any]]:
    """What each of the run's calls sent, as keyword arguments of the bare client."""
    messages = [m.to_dict() for m in result.messages]
    tools: Any = [
        {
            "type": "function",
            "function": {
                "name": step.spec.name,
                "description": step.spec.description,
                "parameters": step.spec.parameters,
            },
        }
    ]
    ends = [i for i, m in enumerate(messages) if m["role"] == "assistant"]
    return [
        {"model": "echo", "messages": messages[:end], "tools": tools, "temperature": 0.0}
        for end in ends
    ]


async def bare(base_url: str, bodies: list[dict[str, Any]]) -> float:
    """Seconds that the openai client takes to send the bodies one after another."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        await client.chat.completions.create(**bodies[0])
        started = time.perf_counter()
        for body in bodies:
            await client.chat.completions.create(**body)
        return time.perf_counter() - started


async def own_client(model: OpenAICompatibleModel, result: RunResult) -> float:
    """Seconds that our model class takes for the run's calls, one after another."""
    ends = [i for i, m in enumerate(result.messages) if m.role == "assistant"]
    requests = [
        ModelRequest(messages=result.messages[:end], tools=(step.spec,), temperature=0.0)
        for end in ends
    ]
    await model.generate(requests[0])
    started = time.perf_counter()
    for request in requests:
        await model.generate(request)
    seconds = time.perf_counter() - started
    await model.aclose()
    return seconds


async def framework(agent: Agent, steps: int) -> tuple[float, RunResult]:
    """Seconds that one run of ``steps`` model calls takes, the connection being open."""
    async with agent:
        await agent.run("begin 2", mode="agent")
        started = time.perf_counter()
        result = await agent.run(f"begin {steps}", mode="agent")
        seconds = time.perf_counter() - started
    assert result.steps == steps, result
    assert result.usage.cost is not None
    return seconds, result


async def main() -> None:
    """Print milliseconds a model call: bare, added, and added with durable checkpoints."""
    parser = argparse.ArgumentParser(description="Overhead a model call")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    kinds = ("bare", "own", "agent", "checkpointed")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as name, echo_server() as base_url:
        folder = Path(name)
        prices = folder / "prices.toml"
        prices.write_text(PRICES)

        def model() -> OpenAICompatibleModel:
            card = ModelCard(action_format="native")
            return OpenAICompatibleModel("bench:echo", base_url=base_url, api_key="none", card=card)

        def agent(checkpoints: Path | None) -> Agent:
            return Agent(
                model=model(),
                tools=[step],
                budget=Budget(usd=1, tokens=50_000_000, steps=10_000),
                ledger=Ledger(folder / "ledger"),
                prices=PriceTable(prices),
                checkpoints=checkpoints,
            )

        for _ in range(arguments.rounds):
            gc.collect()
            took, result = await framework(agent(None), arguments.steps)
            seconds["agent"].append(took)
            seconds["bare"].append(await bare(base_url, bodies_of(result)))
            seconds["own"].append(await own_client(model(), result))
            took, _ = await framework(agent(folder / "checkpoints.sqlite"), arguments.steps)
            seconds["checkpointed"].append(took)
    each = {
        kind: 1_000 * statistics.median(values) / arguments.steps
        for kind, values in seconds.items()
    }
    print(f"{arguments.rounds} rounds of {arguments.steps} model calls, medians, ms a call")
    print(f"bare openai client                 {each['bare']:6.2f}")
    print(f"our model class by itself          {each['own']:6.2f}")
    for kind, label in (("agent", "agent"), ("checkpointed", "agent, durable checkpoints")):
        total, bare_ms, own_ms = each[kind], each["bare"], each["own"]
        print(
            f"{label:34} {total:6.2f}   adds {total - bare_ms:+.2f} to the bare client "
            f"({total / bare_ms:.2f} times), {total - own_ms:+.2f} to our model class"
        )


if __name__ == "__main__":
    asyncio.run(main())
