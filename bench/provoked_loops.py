"""What loops of tool calls cost, beside the same run without them, in the same process.

    python bench/provoked_loops.py

A scripted model makes some searches that are of use, and then asks again for what it has, once or
for ever: the same call, A-B-A-B, in other case, blanks, order or number of words. Costs are token
units (uncached input + 0.1 x cached + 4 x output), charged by the meter; a request is cached as far
as it begins as the one before did. Ends with 1 where the target is missed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from lean_agent import Agent, Budget, Ledger, ModelCard, ModelRequest, tool
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ActionFormat, ModelResponse
from lean_agent.models.pricing import PriceTable
from lean_agent.models.scripted import ScriptedModel
from lean_agent.models.wire import tool_to_wire

LOOP_RATIO = 1.2
STEPS = 20
PRICES = '[models."scripted:loops"]\ninput = "1"\ncached_input = "0.1"\noutput = "4"\n'
NAME = "scripted:loops"
QUERY = "melting point of {}"
METALS = ("tin", "gallium", "lead", "zinc", "iron", "gold", "cobalt", "nickel")


@tool(word_parameters=("query",))
def search(query: str) -> str:
    """Search the documents.

    Args:
        query: A few words.
    """
    return page_of(query)


def page_of(query: str) -> str:
    """What the search finds: by the metal and the number that the query names, nothing else."""
    found = [w for w in query.casefold().split() if w in METALS or w.isdecimal()]
    about = " ".join(found)
    return " ".join(f"{about}: sample {number} melts later." for number in range(40))


class CachingModel(ScriptedModel):
    """A scripted model of a server that has the request before this one in its prefix cache."""

    async def generate(self, request: ModelRequest) -> ModelResponse:
        before = _prompt(self.requests[-1]) if self.requests else ""
        response = await super().generate(request)
        shared = _alike(before, _prompt(request)) // 4
        usage = response.usage
        cached = min(shared, usage.input_tokens)
        return replace(response, usage=replace(usage, cache_read_input_tokens=cached))


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _prompt(request: ModelRequest) -> str:
    tools = [tool_to_wire(spec) for spec in request.tools]
    return json.dumps([tools, [m.to_dict() for m in request.messages]])


Loop = Callable[[list[str]], Iterator[str]]


def _rotated(queries: list[str]) -> Iterator[str]:
    words = queries[-1].split()
    for turn in itertools.count(1):
        yield " ".join(words[turn % len(words) :] + words[: turn % len(words)])


LOOPS: dict[str, Loop] = {
    "the same call": lambda queries: itertools.repeat(queries[-1]),
    "A-B-A-B": lambda queries: itertools.cycle(queries[-2:]),
    "A-B-C-A-B-C": lambda queries: itertools.cycle(queries[-3:]),
    "other case": lambda queries: itertools.cycle([queries[-1].upper(), queries[-1].title()]),
    "other blanks": lambda queries: (queries[-1] + " " * n for n in itertools.count(1)),
    "other order of words": _rotated,
    "other words": lambda queries: (queries[-1] + " please" * n for n in itertools.count(1)),
}
"""What a model that has searched for these asks for ever after."""


def unended(queries: list[str]) -> Iterator[str]:
    """No loop: new searches for ever, which nothing but the cap on steps ends."""
    del queries
    return (f"{METALS[n % len(METALS)]} {n}" for n in itertools.count())


def script(
    action_format: ActionFormat, useful: int, loop: Loop | None
) -> list[Callable[[ModelRequest], str | Message]]:
    """Some searches of use; then the answer, or the loop until the answer is asked for."""
    queries = [QUERY.format(metal) for metal in METALS[:useful]]
    coming = itertools.chain(queries, loop(queries) if loop else ())
    ids = itertools.count()

    def said(request: ModelRequest) -> str | Message:
        native = action_format == "native"
        asked = request.messages[-1].content.startswith("Now answer")
        query = None if asked else next(coming, None)
        if query is None:
            return '{"tool":"answer"}' if not (asked or native) else "Gallium, of all of them."
        if native:
            return Message(
                "assistant", "", (ToolCall(f"c{next(ids)}", "search", {"query": query}),)
            )
        return json.dumps({"tool": "search", "arguments": {"query": query}})

    return [said] * (STEPS + 2)


async def cost_of(
    action_format: ActionFormat, useful: int, loop: Loop | None, folder: Path
) -> Decimal:
    """Token units that the run was charged."""
    prices = folder / "prices.toml"
    prices.write_text(PRICES)
    card = ModelCard(action_format=action_format)
    model = CachingModel(script(action_format, useful, loop), name=NAME, card=card)
    agent = Agent(
        model=model,
        tools=[search],
        budget=Budget(steps=STEPS),
        ledger=Ledger(folder / "ledger"),
        prices=PriceTable(prices),
    )
    async with agent:
        result = await agent.run("Which of these metals melts first in the hand?", mode="agent")
    assert result.output == "Gallium, of all of them.", result
    assert result.usage.cost is not None
    return result.usage.cost * 1_000_000


@dataclass(frozen=True, slots=True)
class Ratios:
    """Costs in that of the undisturbed run, by kind: of what is asked for once more before the
    answer, of a loop for ever; and of a run to its cap on steps.
    """

    once: dict[str, float]
    for_ever: dict[str, float]
    to_the_cap: float


async def loop_ratios(action_format: ActionFormat, useful: int, folder: Path) -> Ratios:
    undisturbed = await cost_of(action_format, useful, None, folder)

    async def ratio(loop: Loop) -> float:
        return float(await cost_of(action_format, useful, loop, folder) / undisturbed)

    def once(loop: Loop) -> Loop:
        return lambda queries: itertools.islice(loop(queries), 1)

    return Ratios(
        once={name: await ratio(once(loop)) for name, loop in LOOPS.items()},
        for_ever={name: await ratio(loop) for name, loop in LOOPS.items()},
        to_the_cap=await ratio(unended),
    )


async def measured() -> bool:
    once: list[float] = []
    for_ever: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for action_format, useful in itertools.product(("schema", "native"), (4, 6, 8)):
            ratios = await loop_ratios(action_format, useful, Path(folder))
            once += ratios.once.values()
            for_ever += ratios.for_ever.values()
            print(
                f"{action_format:6} {useful} searches of use; once more"
                f" {_range(ratios.once)} times the undisturbed run, for ever"
                f" {_range(ratios.for_ever)}, new ones to the cap of {STEPS} steps"
                f" {ratios.to_the_cap:.2f}"
            )
    means = statistics.mean(once), statistics.mean(for_ever)
    ok = max(means) <= LOOP_RATIO
    print(
        f"all {len(once)} duplicates {means[0]:.3f}, all {len(for_ever)} loops {means[1]:.3f} times"
        f" on average (at most {LOOP_RATIO:g}); the worst {max(for_ever):.3f}"
        f" {'ok' if ok else 'MISSED'}"
    )
    return ok


def _range(ratios: dict[str, float]) -> str:
    return f"{min(ratios.values()):.2f} to {max(ratios.values()):.2f}"


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(measured()) else 1)
