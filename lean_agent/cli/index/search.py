"""``lean-agent index search``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.embedders import embedding_cost, paying_embedder
from lean_agent.cli.failures import usage_error
from lean_agent.cli.index.opening import Collection, opened_index
from lean_agent.cli.inputs import check_text
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import one_line

if TYPE_CHECKING:
    from lean_agent.ledger.budget import Budget
    from lean_agent.retrieval.hits import Hit
    from lean_agent.retrieval.retriever import Retriever

__all__ = ["search"]

_EXCERPT_CHARS = 300


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A question or a few words.")],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The folder of documents, or that of its index."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Search there, where an index was pushed to."),
    ] = None,
    collection: Collection = None,
    k: Annotated[
        int, typer.Option("--passages", "-k", metavar="N", min=1, help="At most N passages.")
    ] = 5,
    base_url: opt.BaseUrl = None,
    budget_usd: opt.BudgetUsd = None,
    max_tokens: opt.MaxTokens = None,
    json_: opt.Json = False,
) -> None:
    """Show the passages that fit a query best. DIR is the current folder unless given."""
    import asyncio

    from lean_agent.ledger.budget import Budget
    from lean_agent.retrieval.words import excerpt

    check_text("QUERY", query)
    if not query.strip():
        raise usage_error("the query is empty", "lean-agent index search 'a few words'")
    if at is not None and source is not None:
        raise usage_error("DIR and --at are two places to search", "give one of them")
    if at is None and collection is not None:
        raise usage_error("--collection is for --at", "lean-agent index search --help")
    budget = Budget(usd=budget_usd, tokens=max_tokens)
    hits, cost = asyncio.run(_found(source or Path(), at, collection, query, k, base_url, budget))
    if json_:
        print_json([_hit(hit) for hit in hits])
        return
    for number, hit in enumerate(hits, 1):
        passage = hit.passage
        emit(one_line(f"[{number}] {passage.title} ({passage.id}) {hit.score:.4g}") + "\n")
        emit(f"    {one_line(excerpt(passage.text, query, _EXCERPT_CHARS))}\n")
    if not hits:
        say("no passage fits")
    if cost:
        say(one_line(cost))


async def _found(
    source: Path,
    at: str | None,
    collection: str | None,
    query: str,
    k: int,
    base_url: str | None,
    budget: Budget,
) -> tuple[tuple[Hit, ...], str]:
    """What fits best, and a line about what embedding the query took."""
    from lean_agent.retrieval.retriever import check_address

    retriever = await _retriever(source, at, collection)
    try:
        async with paying_embedder(retriever.embedder or "", base_url, budget) as embedder:
            if embedder is None:
                return (await retriever.search(query, k)).hits, ""
            if base_url is None:
                check_address(retriever, embedder)
            made = await embedder.embed([query])
            found = await retriever.search(query, k, vector=made.vectors[0])
            return found.hits, embedding_cost(embedder)
    finally:
        await retriever.aclose()


async def _retriever(source: Path, at: str | None, collection: str | None) -> Retriever:
    if at is None:
        from lean_agent.retrieval.index_retriever import IndexRetriever

        return IndexRetriever(opened_index(source))
    from lean_agent.retrieval.qdrant import QdrantRetriever
    from lean_agent.retrieval.qdrant_collection import DEFAULT_COLLECTION

    return await QdrantRetriever.open(at, collection=collection or DEFAULT_COLLECTION)


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.passage.id,
        "title": hit.passage.title,
        "source": hit.passage.source,
        "score": hit.score,
        "lexical_rank": hit.lexical_rank,
        "dense_rank": hit.dense_rank,
        "text": hit.passage.text,
    }
