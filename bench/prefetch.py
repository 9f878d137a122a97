"""What searching ahead is worth: agents on multi-hop questions, search latency put on top.

Each question of HotpotQA's development sample (docs/data.md) is answered with and without prefetch
at each latency, by one agent at a time over the same index. Hits are told apart by what was begun:
the question, or a part of a call that was still being written. ``search`` is the time that calls of
the tool took, so the difference is what was hidden; ``wasted`` is what no call took.

Then, for the calls that were made: how near the question, and the first words of the call itself,
come to the call by cosine, and how often the same passages would have been found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lean_agent import Agent, Budget, Ledger
from lean_agent.embedder import Embedder
from lean_agent.ledger import queries
from lean_agent.model import Model
from lean_agent.models.registry import open_embedder, resolve_model
from lean_agent.result import RunResult
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.retriever import Found, Retriever, at_once
from lean_agent_tools.search import search_tool

K = 3
STEPS = 6
INSTRUCTIONS = "Search the documents for what a question needs; it may need several."


class Delayed:
    """A collection as far away as a server."""

    def __init__(self, near: Retriever, seconds: float) -> None:
        self._near = near
        self._seconds = seconds
        self.name = near.name
        self.embedder = near.embedder

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        if self._seconds:
            await asyncio.sleep(self._seconds)
        return await self._near.search(query, k, vector=vector, hurry=hurry)

    async def aclose(self) -> None:
        """The collection behind it is closed by who opened it."""


@dataclass
class Arm:
    """Sums over the questions."""

    runs: int = 0
    searches: int = 0
    begun: int = 0
    by_question: int = 0
    by_part: int = 0
    wasted: float = 0.0
    search: float = 0.0
    seconds: list[float] = field(default_factory=list[float])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def add(self, question: str, result: RunResult, rows: Sequence[dict[str, Any]]) -> None:
        ahead = [row for row in rows if row["operation"] == "retrieval"]
        tools = [r for r in rows if r["tool"] and r["purpose"] == "tool"]
        hits = [row for row in ahead if row["finish_reason"] == "hit"]
        self.runs += 1
        self.searches += sum(row["finish_reason"] == "done" for row in tools)
        self.begun += len(ahead)
        self.by_question += sum(row["step"] == 0 for row in hits)
        self.by_part += sum(row["step"] > 0 for row in hits)
        self.wasted += sum(row["seconds"] for row in ahead if row["finish_reason"] == "wasted")
        self.search += sum(row["seconds"] for row in tools)
        self.seconds.append(result.seconds)
        self.asked += [
            (question, str(step.arguments.get("query", "")))
            for step in result.trajectory
            if not step.served
        ]


async def measured(
    asked: Sequence[str], index: Retriever, embedder: Embedder, model: Model, latencies: list[float]
) -> list[tuple[str, str]]:
    print("latency prefetch  runs searches begun  hits: question part  wasted s  search s  run s")
    made: list[tuple[str, str]] = []
    for latency in latencies:
        arms = {False: Arm(), True: Arm()}
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(Path(folder))
            for number, question in enumerate(asked):
                # In turns, so that whatever else the machine does falls on both alike.
                for prefetch in (False, True) if number % 2 else (True, False):
                    tool = search_tool(
                        retriever=Delayed(index, latency), embedder=embedder, k=K, prefetch=prefetch
                    )
                    agent = Agent(
                        model=model,
                        tools=[tool],
                        ledger=ledger,
                        instructions=INSTRUCTIONS,
                        budget=Budget(steps=STEPS),
                    )
                    result = await agent.run(question, mode="agent")
                    rows = queries.show(ledger.folder, result.run_id)
                    arms[prefetch].add(question, result, rows)
            ledger.close()
        for prefetch, arm in arms.items():
            print(
                f"{latency:5.1f} s {'on' if prefetch else 'off':>8} {arm.runs:5} {arm.searches:8}"
                f" {arm.begun:5} {arm.by_question:14} {arm.by_part:4} {arm.wasted:9.2f}"
                f" {arm.search:9.2f} {statistics.mean(arm.seconds):6.2f}"
            )
        saved = [a - b for a, b in zip(arms[False].seconds, arms[True].seconds, strict=True)]
        print(f"        saved a run: {statistics.mean(saved):+.2f} s {interval(saved)}", flush=True)
        made = made or arms[False].asked
    return made


def interval(values: Sequence[float]) -> str:
    chance = np.random.default_rng(0)
    means = chance.choice(np.array(values), (10_000, len(values))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"({low:+.2f} to {high:+.2f})"


async def nearness(made: Sequence[tuple[str, str]], index: Retriever, embedder: Embedder) -> None:
    """Of texts that stand before a call does, how often they would do."""

    async def found(text: str, vector: NDArray[np.float32]) -> list[str]:
        return [hit.passage.id for hit in (await index.search(text, K, vector=vector)).hits]

    def before(share: float) -> Callable[[str, str], str]:
        def part(_question: str, query: str) -> str:
            words = query.split()
            return " ".join(words[: max(1, round(share * len(words)))])

        return part

    kinds: dict[str, Callable[[str, str], str]] = {
        "the question": lambda question, _query: question,
        "half the call": before(0.5),
        "3/4 of the call": before(0.75),
    }
    calls = (await embedder.embed([query for _, query in made])).vectors
    print(f"\n{len(made)} calls       cosine >= .95  .9  .85  .8   same passages of these")
    for name, text_of in kinds.items():
        texts = [text_of(*pair) for pair in made]
        vectors = (await embedder.embed(texts)).vectors
        cosines = (vectors * calls).sum(axis=1)
        same = np.array(
            [
                await found(text, vector) == await found(query, call)
                for text, vector, (_, query), call in zip(texts, vectors, made, calls, strict=True)
            ]
        )
        shares = [float((cosines >= least).mean()) for least in (0.95, 0.9, 0.85, 0.8)]
        alike = [
            f"{same[cosines >= least].mean():.2f}" if (cosines >= least).any() else "-"
            for least in (0.95, 0.9, 0.85, 0.8)
        ]
        print(f"{name:18}", *(f"{share:5.2f}" for share in shares), "  ", *alike)


async def main_async(options: argparse.Namespace) -> None:
    folder: Path = options.data
    asked = [one["question"] for one in json.loads((folder / "questions.json").read_text())]
    embedder = open_embedder(options.embedder)
    with tempfile.TemporaryDirectory() as temporary:
        source = (options.out or Path(temporary)) / "source"
        source.mkdir(parents=True, exist_ok=True)
        (source / "corpus.json").write_bytes((folder / "corpus.json").read_bytes())
        built = await build_index(source, source.parent / "index", embedder=embedder)
        index = await IndexRetriever.open(built.folder, embedder=embedder.name)
        chosen = asked[: options.questions]
        print(f"{len(chosen)} questions, {built.manifest.passages:,} passages, {options.model}")
        model = resolve_model(options.model)
        made = await measured(chosen, index, embedder, model, options.latency)
        await model.aclose()
        await nearness(made, index, embedder)
    await embedder.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder hotpotqa_dev")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 0.6, 4.4])
    parser.add_argument("--model", default="local:qwen2.5-coder-0.5b")
    parser.add_argument("--embedder", default="local:all-minilm-l6-v2")
    parser.add_argument("--out", type=Path, help="keep the index there, for a second time")
    asyncio.run(main_async(parser.parse_args()))


if __name__ == "__main__":
    main()
