"""How soon searches are mature, and how often one begun with the question is of use: measured.

For each question of the sample: at which rung of the ladder the best ten agree with the rung
before, and how much of the best five it has of what the last rung finds.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from bench.retrieval.slow_search import Collection
from lean_agent.embedder import Embedder
from lean_agent.retrieval.anytime import LADDER, climb
from lean_agent.retrieval.fusion import Ranking

__all__ = ["measure"]

_K = 5


async def measure(sample: Collection, embedder: Embedder) -> dict[str, Any]:
    """Shares of the questions by the rungs that they took with someone waiting; 0: never mature."""
    vectors = (await embedder.embed([question for question, _ in sample.questions])).vectors
    rungs: Counter[int] = Counter()
    kept: list[float] = []
    for vector in vectors:

        async def look(ef: int, vector: Any = vector) -> Ranking:
            return sample.nearest(vector, 10, ef)

        climbed = await climb(look, _K, enough=LADDER[-1], hurry=lambda: True)
        rungs[climbed.rungs if climbed.mature else 0] += 1
        last = {number for number, _ in sample.nearest(vector, _K, LADDER[-1])}
        kept.append(len(last & {number for number, _ in climbed.ranking[:_K]}) / _K)
    total = len(vectors)
    return {
        "data": "hotpotqa_dev",
        "embedder": embedder.name,
        "passages": len(sample.passages),
        "queries": total,
        "ladder": LADDER,
        "enough": sample.graph.calibration.ef_search,
        "rungs": {str(rung): rungs[rung] / total for rung in sorted(rungs)},
        "best_5_kept": float(np.mean(kept)),
    }
