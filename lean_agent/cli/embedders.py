"""Embedders on the command line: which one, its weights, and what it took."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.cli.text import money
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.embedder import Embedder

__all__ = ["embedder_for", "embedding_cost", "opened_embedder"]

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
        return Manifest.read(generation / "manifest.json").embedder if generation else ""
    except (OSError, ValueError):
        return ""


@asynccontextmanager
async def opened_embedder(name: str, base_url: str | None) -> AsyncGenerator[Embedder | None]:
    """The embedder of a name, given back afterwards; None for none.

    Raises:
        ConfigurationError: no such embedder, or its weights or key are missing.
    """
    from lean_agent.cli.weights import need_weights
    from lean_agent.models.registry import open_embedder

    if not name:
        yield None
        return
    need_weights(name)
    embedder = open_embedder(name, base_url=base_url)
    try:
        yield embedder
    finally:
        await embedder.aclose()


def embedding_cost(usage: Usage, embedder: Embedder) -> tuple[Usage, str]:
    """The usage with its price if that is known, and a line about it."""
    from lean_agent.models.pricing import PriceTable, embedder_card, priced

    price = PriceTable().price_of_embedder(embedder)
    found = priced(usage, price=price, card=embedder_card(embedder), seconds=0, estimated=False)
    return found, f"{embedder.name}: {found.input_tokens:,} tokens, {money(found)}"
