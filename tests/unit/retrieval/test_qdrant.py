from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from lean_agent.embedder import Embedder
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.qdrant import QdrantRetriever
from lean_agent.retrieval.qdrant_push import push_index
from lean_agent.retrieval.retriever import Retriever
from lean_agent.testing import check_retriever


async def pushed(place: Path, embeds: bool, folder: Path, embedder: Embedder) -> Retriever:
    built = await build_index(folder, place / "index", embedder=embedder if embeds else None)
    await push_index(Index.open(built.folder), str(place / "qdrant"))
    return await QdrantRetriever.open(str(place / "qdrant"))


@pytest.mark.parametrize("embeds", [True, False])
async def test_it_is_a_retriever(embeds: bool, tmp_path: Path) -> None:
    await check_retriever(partial(pushed, tmp_path, embeds))
