"""``lean-agent index build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.embedders import embedder_for, embedding_cost, paying_embedder
from lean_agent.cli.index_progress import index_progress
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clip, count, one_line

if TYPE_CHECKING:
    from lean_agent.ledger.budget import Budget
    from lean_agent.retrieval.building import Built
    from lean_agent.retrieval.files import Skipped

__all__ = ["build"]

_SHOWN_SKIPPED = 10


def build(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of documents.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to keep the index (else in the cache)."),
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:NAME",
            help="Makes vectors, to find by meaning too: local:all-minilm-l6-v2,"
            " openai:text-embedding-3-small; none is none (else that of the index before).",
        ),
    ] = None,
    recall: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.5,
            max=1,
            help="Of the 10 nearest vectors, what an approximate search must find.",
        ),
    ] = 0.95,
    base_url: opt.BaseUrl = None,
    budget_usd: opt.BudgetUsd = None,
    max_tokens: opt.MaxTokens = None,
    json_: opt.Json = False,
) -> None:
    """Index a folder, or bring its index up to date. What has not changed is not read again."""
    import asyncio

    from lean_agent.errors import LimitExceededError
    from lean_agent.ledger.budget import Budget
    from lean_agent.retrieval.index_folder import default_folder

    folder = out or default_folder(source)
    name = embedder_for(embedder, folder)
    try:
        budget = Budget(usd=budget_usd, tokens=max_tokens)
        built, cost = asyncio.run(_build(source, folder, name, base_url, recall, budget))
    except (KeyboardInterrupt, SystemExit, LimitExceededError):
        if name:
            say("what was embedded is kept: the same command goes on from there")
        raise
    if json_:
        print_json(_built(built))
        return
    _tell_skipped(built.skipped)
    manifest = built.manifest
    what = f"{count(manifest.passages, 'passage')} of {count(manifest.files, 'file')}"
    if built.changed:
        done = f"{count(built.read, 'file')} read"
        if manifest.embedder:
            done += f", {count(built.embedded, 'text')} embedded"
        emit(one_line(f"{what} indexed in {built.seconds:.1f} s ({done})") + "\n")
    else:
        emit(f"{what}: nothing has changed\n")
    emit(one_line(f"index: {built.folder}") + "\n")
    if cost:
        say(one_line(cost))
    if not manifest.embedder:
        say("note: without an embedder, passages are found by their words alone (BM25)")


async def _build(
    source: Path, folder: Path, name: str, base_url: str | None, recall: float, budget: Budget
) -> tuple[Built, str]:
    """What was built, and a line about what embedding took."""
    from lean_agent.retrieval.building import build_index

    async with paying_embedder(name, base_url, budget) as embedder:
        with index_progress() as progress:
            built = await build_index(
                source, folder, embedder=embedder, recall=recall, progress=progress
            )
        paid = embedder is not None and built.embedded > 0
        return built, embedding_cost(embedder) if embedder and paid else ""


def _tell_skipped(skipped: tuple[Skipped, ...]) -> None:
    telling = [one for one in skipped if one.reason != "hidden"]
    for one in telling[:_SHOWN_SKIPPED]:
        say(clip(f"note: left out: {one.path} ({one.reason})", 200))
    if len(telling) > _SHOWN_SKIPPED:
        say(f"note: left out: {len(telling) - _SHOWN_SKIPPED:,} more; index info lists all")


def _built(built: Built) -> dict[str, Any]:
    manifest = built.manifest
    return {
        "folder": str(built.folder),
        "source": manifest.source,
        "changed": built.changed,
        "files": manifest.files,
        "passages": manifest.passages,
        "read": built.read,
        "embedder": manifest.embedder or None,
        "embedded": built.embedded,
        "usage": built.usage.to_dict(),
        "calibration": manifest.calibration and manifest.calibration.to_dict(),
        "skipped": [{"path": one.path, "reason": one.reason} for one in built.skipped],
        "seconds": round(built.seconds, 3),
    }
