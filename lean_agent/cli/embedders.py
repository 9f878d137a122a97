"""Embedders on the command line: which one, its weights, and what it took."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.cli.streams import say
from lean_agent.cli.text import money

if TYPE_CHECKING:
    from lean_agent.ledger.budget import Budget
    from lean_agent.runtime.metered_embedder import MeteredEmbedder

__all__ = ["embedder_for", "embedding_cost", "paying_embedder"]

_NONE = "none"


def embedder_for(asked: str | None, folder: Path) -> str:
    """The name of the embedder to build with: the one asked for (``none`` is none), else that of
    the index which is there. Empty for none.
    """
    from lean_agent.retrieval.index_folder import IndexFolder
    from lean_agent.retrieval.manifest import Manifest

    if asked is not None:
        return "" if asked == _NONE else asked
    generation = IndexFolder(folder).current
    try:
        return Manifest.read(generation).embedder if generation else ""
    except (OSError, ValueError):
        return ""


@asynccontextmanager
async def paying_embedder(
    name: str, base_url: str | None, budget: Budget
) -> AsyncGenerator[MeteredEmbedder | None]:
    """The embedder of a name, in the user's ledger and under the budget; None for none.

    Raises:
        ConfigurationError: no such embedder, or its weights or key are missing.
    """
    from lean_agent.cli.telemetry import observed_ledger
    from lean_agent.cli.weights import need_weights
    from lean_agent.models.registry import open_embedder
    from lean_agent.runtime.metered_embedder import MeteredEmbedder

    if not name:
        yield None
        return
    need_weights(name)
    ledger = observed_ledger()
    embedder = open_embedder(name, base_url=base_url)
    metered = MeteredEmbedder(embedder, ledger=ledger, budget=budget)
    try:
        yield metered
    finally:
        await metered.aclose()
        ledger.close()
        for notice in (*metered.notices, *ledger.take_notices()):
            say(f"note: {notice}")


def embedding_cost(embedder: MeteredEmbedder) -> str:
    """A line about what an embedder took until now."""
    usage = embedder.usage
    return f"{embedder.name}: {usage.input_tokens:,} tokens, {money(usage)}"
