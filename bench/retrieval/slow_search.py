"""HotpotQA's passages behind a graph, with the latency of a larger collection.

The searches are real: MiniLM's vectors of the passages in an HNSW graph, fused with BM25. Only the
time is added. ``seconds`` is what a search at the ladder's last rung takes, and a rung takes its
efSearch's share of that: work grows about as efSearch does. So a search up the whole ladder costs
1.33 times one at the last rung at once, and one that ends at the second 0.08 times.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lean_agent.embedder import Embedder
from lean_agent.retrieval.anytime import LADDER, Climbed, climb
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.corpus import Passage, load_corpus
from lean_agent.retrieval.fusion import FUSED_DEPTH, Ranking, best_places
from lean_agent.retrieval.graph import Graph, build_graph, search_parameters
from lean_agent.retrieval.retriever import Found, at_once

__all__ = ["Collection", "SlowSearch", "collection"]

_TARGET = 0.95


@dataclass(frozen=True, slots=True)
class Collection:
    """``graph`` is over the vectors of ``passages``, ``questions`` is (question, answer)."""

    passages: Sequence[Passage]
    words: Bm25
    graph: Graph
    questions: Sequence[tuple[str, str]]

    def nearest(self, vector: NDArray[np.float32], k: int, ef: int) -> Ranking:
        scores, rows = self.graph.index.search(vector[np.newaxis], k, params=search_parameters(ef))
        found = zip(rows[0], scores[0], strict=True)
        return [(int(self.graph.order[row]), float(score)) for row, score in found if row >= 0]


async def collection(data: Path, cache: Path, embedder: Embedder) -> Collection:
    """The sample in the folder ``data``; vectors are computed once and kept in ``cache``."""
    source = cache / "corpus"
    source.mkdir(parents=True, exist_ok=True)
    (source / "corpus.json").write_bytes((data / "corpus.json").read_bytes())
    passages = (await asyncio.to_thread(load_corpus, source)).passages
    texts = [passage.searched for passage in passages]
    kept = cache / f"{embedder.name.replace(':', '-')}.npy"
    if not kept.exists():
        np.save(kept, (await embedder.embed(texts)).vectors)
    graph = await asyncio.to_thread(build_graph, np.load(kept), _TARGET, lambda _done, _all: None)
    assert graph is not None, "no efSearch reaches the target"
    asked: list[dict[str, Any]] = json.loads((data / "questions.json").read_text())
    return Collection(
        passages=passages,
        words=await asyncio.to_thread(Bm25.build, texts),
        graph=graph,
        questions=[(record["question"], record["answer"]) for record in asked],
    )


@dataclass(slots=True, kw_only=True)
class SlowSearch:
    """A Retriever. Without ``ladder`` it looks once, at the last rung. ``looked`` keeps how many
    rungs each search took and whether it was mature.
    """

    collection: Collection
    embedder: str | None
    seconds: float
    ladder: bool
    looked: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])

    @property
    def name(self) -> str:
        return f"HotpotQA's passages, {self.seconds:g} s away"

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        assert vector is not None, "the benchmark searches by vectors"

        async def look(ef: int) -> Ranking:
            await asyncio.sleep(self.seconds * ef / LADDER[-1])
            return await asyncio.to_thread(self.collection.nearest, vector, FUSED_DEPTH, ef)

        if self.ladder:
            enough = self.collection.graph.calibration.ef_search
            climbed = await climb(look, k, enough=enough, hurry=hurry)
        else:
            climbed = Climbed(await look(LADDER[-1]), rungs=1, mature=True)
        self.looked.append((climbed.rungs, climbed.mature))
        words = await asyncio.to_thread(self.collection.words.search, query, FUSED_DEPTH)

        hits = tuple(
            place.hit(self.collection.passages[place.number])
            for place in best_places(words, climbed.ranking, k)
        )
        return Found(hits=hits, rungs=climbed.rungs, mature=climbed.mature)

    async def aclose(self) -> None:
        """It holds nothing."""
