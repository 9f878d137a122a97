from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.vectors import like_embeddings

from lean_agent.retrieval.anytime import LADDER, climb
from lean_agent.retrieval.embedding_journal import text_key
from lean_agent.retrieval.fusion import Ranking
from lean_agent.retrieval.vectors import Vectors, write_vectors


def never() -> bool:
    return False


def always() -> bool:
    return True


def replies(*shared: int) -> tuple[list[int], Callable[[int], Awaitable[Ranking]]]:
    """A search that finds 10 at each rung, of which so many are the first rung's."""
    asked: list[int] = []

    async def look(ef: int) -> Ranking:
        rung = len(asked)
        asked.append(ef)
        kept = shared[rung]
        return [(n if n < kept else 100 * rung + n, 1.0) for n in range(10)]

    return asked, look


@pytest.mark.parametrize(
    ("shared", "enough", "hurry", "asked", "mature"),
    [
        ((10, 9, 9, 9), 24, never, 2, True),
        ((10, 8, 8, 8), 24, always, 3, False),
        ((10, 10, 10, 10), 256, never, 3, True),
        ((10, 10, 10, 10), 256, always, 2, True),
        ((10, 10, 10, 10), 512, never, 4, True),
        ((0, 0, 10, 10), 24, never, 3, False),
        ((0, 0, 10, 10), 512, never, 4, True),
        ((0, 0, 0, 0), 512, always, 4, False),
    ],
)
async def test_it_ends_when_two_rungs_agree_and_nothing_speaks_for_going_on(
    shared: tuple[int, ...], enough: int, hurry: Callable[[], bool], asked: int, mature: bool
) -> None:
    rungs, look = replies(*shared)
    found = await climb(look, 10, enough=enough, hurry=hurry)
    assert tuple(rungs) == LADDER[:asked]
    assert (found.rungs, found.mature, len(found.ranking)) == (asked, mature, 10)


async def test_it_asks_after_each_mature_rung_whether_someone_waits() -> None:
    _, look = replies(10, 10, 10, 10)
    told: list[bool] = [False, True]
    found = await climb(look, 10, enough=1_024, hurry=lambda: told.pop(0))
    assert (found.rungs, told) == (3, [])


@pytest.mark.parametrize("k", [1, 5])
async def test_fewer_than_ten_are_compared_as_ten(k: int) -> None:
    _, look = replies(10, 8, 8, 8)
    assert not (await climb(look, k, enough=24, hurry=always)).mature


@pytest.mark.slow
async def test_over_a_graph_hurry_still_finds_nearly_all(tmp_path: Path) -> None:
    """Generator: like_embeddings, seed 0 for the index and 1 for the 200 queries."""
    vectors, queries = like_embeddings(5_000, 64, 0), like_embeddings(200, 64, 1)
    keys = [text_key("e", str(number)) for number in range(len(vectors))]
    calibration = write_vectors(
        tmp_path, keys, vectors, recall=0.95, exact_below=0, progress=lambda _done, _total: None
    )
    index = Vectors(tmp_path, calibration)
    recalls: list[float] = []
    for query in queries:

        async def look(ef: int, query: NDArray[np.float32] = query) -> Ranking:
            return index.search(query, max(10, ef), ef)

        found = await climb(look, 10, enough=1_024, hurry=always)
        truth = set((-(vectors @ query)).argsort()[:10].tolist())
        recalls.append(len(truth & {number for number, _ in found.ranking[:10]}) / 10)
    assert sum(recalls) / len(recalls) >= 0.95
