"""How many of a question's supporting passages are among the first five: words, vectors, both.

HotpotQA's development sample (docs/data.md): recall@5 of the pages that hold the supporting facts,
with 95 % bootstrap intervals over the questions. What could be chosen (BM25's k1 and b, the
constant and the depth of reciprocal rank fusion) is chosen on every other question and shown on the
rest beside what is built in.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lean_agent.models.registry import open_embedder
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.fusion import FUSED_DEPTH, RANK_CONSTANT, reciprocal_rank_fusion
from lean_agent.retrieval.index import Index

Floats = NDArray[np.float64]
K = 5
DEEP = 400


class Questions:
    def __init__(self, folder: Path, index: Index) -> None:
        asked: list[dict[str, Any]] = json.loads((folder / "questions.json").read_text())
        self.texts: list[str] = [question["question"] for question in asked]
        self.gold = [{title for title, _ in question["supporting_facts"]} for question in asked]
        self.titles = [passage.title for passage in index.passages]

    def recalls(self, rankings: Sequence[Sequence[int]]) -> Floats:
        found = [{self.titles[number] for number in ranking[:K]} for ranking in rankings]
        pairs = zip(self.gold, found, strict=True)
        return np.array([len(gold & titles) / len(gold) for gold, titles in pairs])


def numbers(hits: Sequence[tuple[int, float]]) -> list[int]:
    return [number for number, _ in hits]


def shown(name: str, recalls: Floats) -> None:
    chance = np.random.default_rng(0)
    means = chance.choice(recalls, (10_000, len(recalls))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    print(f"{name:44} {recalls.mean():.3f} ({low:.3f} to {high:.3f})")


def chosen(
    name: str, built_in: Any, settings: Sequence[Any], measured: Callable[[Any], Floats]
) -> None:
    """The best setting of one half, and how it does on the other."""
    found = {setting: measured(setting) for setting in settings}
    best = max(settings, key=lambda setting: found[setting][::2].mean())
    print(f"{name}: {best} is best on one half")
    for setting in dict.fromkeys((best, built_in)):
        first, second = found[setting][::2].mean(), found[setting][1::2].mean()
        print(f"  {setting!s:24} {first:.3f} there, {second:.3f} on the other half")
    difference = (found[best] - found[built_in])[1::2]
    chance = np.random.default_rng(0)
    means = chance.choice(difference, (10_000, len(difference))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    print(
        f"  on the other half the best gains {difference.mean():+.3f} ({low:+.3f} to {high:+.3f})"
    )


async def measure(data: Path, embedder_name: str, out: Path | None) -> None:
    embedder = open_embedder(embedder_name) if embedder_name else None
    with tempfile.TemporaryDirectory() as temporary:
        source = (out or Path(temporary)) / "source"
        source.mkdir(parents=True, exist_ok=True)
        (source / "corpus.json").write_bytes((data / "corpus.json").read_bytes())
        built = await build_index(source, source.parent / "index", embedder=embedder)
        index = Index.open(built.folder)
        questions = Questions(data, index)
        print(f"{len(questions.texts)} questions, {len(index):,} passages, {built.seconds:.1f} s")
        words = [numbers(index.by_words(text, DEEP)) for text in questions.texts]
        shown("BM25", questions.recalls(words))

        texts = [passage.searched for passage in index.passages]

        def by_words(setting: tuple[float, float]) -> Floats:
            bm25 = Bm25.build(texts, k1=setting[0], b=setting[1])
            return questions.recalls([numbers(bm25.search(text, K)) for text in questions.texts])

        grid = list(itertools.product((0.6, 0.9, 1.2, 1.5, 2.0), (0.3, 0.5, 0.75, 0.9)))
        chosen("BM25's k1 and b", (1.5, 0.75), grid, by_words)
        if embedder is None:
            return
        vectors = (await embedder.embed(questions.texts)).vectors
        await embedder.aclose()
        dense = [numbers(index.by_vector(vector, DEEP)) for vector in vectors]
        shown(embedder_name, questions.recalls(dense))

        def fused(setting: tuple[int, int]) -> Floats:
            constant, depth = setting
            return questions.recalls(
                [
                    numbers(reciprocal_rank_fusion((a[:depth], b[:depth]), constant=constant))
                    for a, b in zip(words, dense, strict=True)
                ]
            )

        built_in = (RANK_CONSTANT, FUSED_DEPTH)
        shown("both, by reciprocal rank fusion", fused(built_in))
        shown("  gain over the better alone", fused(built_in) - questions.recalls(dense))
        constants, depths = (1, 5, 10, 20, 60, 100), (10, 20, 50, 100, 200, 400)
        chosen("constant and depth", built_in, list(itertools.product(constants, depths)), fused)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder hotpotqa_dev")
    parser.add_argument("--embedder", default="", help="PROVIDER:NAME; none: words alone")
    parser.add_argument("--out", type=Path, help="keep the index there, for a second time")
    asked = parser.parse_args()
    asyncio.run(measure(asked.data, asked.embedder, asked.out))


if __name__ == "__main__":
    main()
