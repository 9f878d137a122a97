"""Searching by meaning in a run of the real small models: structure and accounting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lean_agent import Agent, Budget, Ledger
from lean_agent.ledger import queries
from lean_agent.models import weights
from lean_agent.models.registry import open_embedder
from lean_agent.retrieval.building import build_index
from lean_agent_tools.search import search_tool

CHAT, EMBEDDER = "qwen2.5-coder-0.5b", "all-minilm-l6-v2"
CORPUS = Path(__file__).parents[2] / "examples" / "corpus"

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(
        weights.find(CHAT) is None or weights.find(EMBEDDER) is None,
        reason=f"lean-agent models pull {CHAT} {EMBEDDER}",
    ),
]


@pytest.mark.parametrize("prefetch", [False, True])
async def test_a_run_pays_for_what_it_embeds(tmp_path: Path, prefetch: bool) -> None:
    embedder = open_embedder(f"local:{EMBEDDER}")
    await build_index(CORPUS, tmp_path / "index", embedder=embedder)
    tool = search_tool(tmp_path / "index", embedder=embedder, prefetch=prefetch)
    ledger = Ledger(tmp_path / "ledger")
    async with Agent(
        model=f"local:{CHAT}", tools=[tool], ledger=ledger, budget=Budget(steps=4)
    ) as agent:
        result = await agent.run("When does the last bus leave?", mode="agent")
        assert asyncio.all_tasks() == {asyncio.current_task()}
    entries = queries.show(ledger.folder, result.run_id)
    embedded = [row for row in entries if row["operation"] == "embeddings"]
    ahead = [row for row in entries if row["operation"] == "retrieval"]
    assert embedded
    assert all(row["input_tokens"] > 0 and row["cost"] == 0 for row in embedded)
    assert sum(row["input_tokens"] for row in entries) == result.usage.input_tokens
    assert sum(row["output_tokens"] for row in entries) == result.usage.output_tokens
    assert all(row["state"] == "closed" for row in entries)
    if prefetch:
        assert (ahead[0]["step"], embedded[0]["purpose"]) == (0, "prefetch")
        assert {row["finish_reason"] for row in ahead} <= {"hit", "wasted", "miss"}
    else:
        assert ahead == []
    assert any(not step.is_error for step in result.trajectory)
