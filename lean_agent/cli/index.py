"""``lean-agent index``: a folder of documents made quick to search, and searched."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.embedders import embedder_for, embedding_cost, opened_embedder
from lean_agent.cli.failures import usage_error
from lean_agent.cli.index_progress import index_progress
from lean_agent.cli.inputs import check_text
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import clip, count, one_line, size

if TYPE_CHECKING:
    from lean_agent.retrieval.building import Built
    from lean_agent.retrieval.files import Skipped
    from lean_agent.retrieval.hits import Hit
    from lean_agent.retrieval.index import Index
    from lean_agent.retrieval.retriever import Retriever

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, help="Make a folder of documents quick to search.")

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of documents, or that of its index.")
]
Collection = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The collection's name in Qdrant (else lean-agent)."),
]
_SHOWN_SKIPPED = 10
_EXCERPT_CHARS = 300


@app.command()
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
    json_: opt.Json = False,
) -> None:
    """Index a folder, or bring its index up to date. What has not changed is not read again."""
    import asyncio

    from lean_agent.retrieval.index_folder import default_folder

    folder = out or default_folder(source)
    name = embedder_for(embedder, folder)
    try:
        built, cost = asyncio.run(_build(source, folder, name, base_url, recall))
    except (KeyboardInterrupt, SystemExit):
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


@app.command()
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
    json_: opt.Json = False,
) -> None:
    """Show the passages that fit a query best. DIR is the current folder unless given."""
    import asyncio

    from lean_agent.retrieval.words import excerpt

    check_text("QUERY", query)
    if not query.strip():
        raise usage_error("the query is empty", "lean-agent index search 'a few words'")
    if at is not None and source is not None:
        raise usage_error("DIR and --at are two places to search", "give one of them")
    if at is None and collection is not None:
        raise usage_error("--collection is for --at", "lean-agent index search --help")
    hits, cost = asyncio.run(_found(source or Path(), at, collection, query, k, base_url))
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


@app.command()
def push(
    source: Annotated[
        Path,
        typer.Argument(metavar="INDEX", help="The folder of documents, or that of its index."),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="A Qdrant server (its key is QDRANT_API_KEY), or a folder for qdrant-client's"
            " local mode.",
        ),
    ],
    collection: Collection = None,
    json_: opt.Json = False,
) -> None:
    """Put an index into Qdrant, to search it from several machines. Nothing is embedded again."""
    import asyncio

    from lean_agent.retrieval.qdrant_collection import DEFAULT_COLLECTION
    from lean_agent.retrieval.qdrant_push import push_index

    name = collection or DEFAULT_COLLECTION
    index = _opened(source)
    try:
        with index_progress() as progress:
            pushed = asyncio.run(
                push_index(index, to, collection=name, progress=partial(progress, "sending"))
            )
    except (KeyboardInterrupt, SystemExit):
        say("what was sent is kept: the same command goes on from there")
        raise
    if json_:
        print_json({"at": to, "collection": name, **asdict(pushed)})
        return
    what = f"{count(pushed.passages, 'passage')} in {name} at {to}"
    emit(one_line(f"{what} ({pushed.sent:,} sent)" if pushed.sent else f"{what}: nothing to send"))
    emit("\n")


@app.command()
def info(source: Folder = Path(), json_: opt.Json = False) -> None:
    """Show what an index holds and what was left out. DIR is the current folder unless given."""
    index = _opened(source)
    manifest = index.manifest
    skipped = [(file.path, file.skipped) for file in index.files() if file.skipped]
    about: dict[str, Any] = {
        "folder": str(index.folder),
        "source": manifest.source,
        "built": _time(manifest.built_ns),
        "files": manifest.files,
        "passages": manifest.passages,
        "bytes": index.bytes_on_disk(),
        "embedder": manifest.embedder or None,
        "dimensions": manifest.dimensions or None,
        "vector_search": None,
        "calibration": None,
        "format_version": manifest.format_version,
    }
    if manifest.embedder:
        about["vector_search"] = "graph" if manifest.calibration else "exact"
        about["calibration"] = manifest.calibration and manifest.calibration.to_dict()
    if json_:
        print_json({**about, "skipped": [{"path": p, "reason": r} for p, r in skipped]})
        return
    about["bytes"] = size(about["bytes"])
    about["embedder"] = about["embedder"] or "none: words alone (BM25)"
    if found := manifest.calibration:
        about["calibration"] = (
            f"efSearch {found.ef_search} for a recall@10 of {found.target:g}: {found.chosen:.3f}"
            f" where it was chosen, {found.verified:.3f} on other queries ({found.queries:,}"
            f" passages held out, seed {found.seed})"
        )
    place = about.pop("folder")
    rows = [(name.replace("_", " "), value) for name, value in about.items() if value is not None]
    print_table(("INDEX", place), rows)
    if skipped:
        emit("\n")
        print_table(("LEFT OUT", "WHY"), skipped)


async def _build(
    source: Path, folder: Path, name: str, base_url: str | None, recall: float
) -> tuple[Built, str]:
    """What was built, and a line about what embedding took."""
    from dataclasses import replace

    from lean_agent.retrieval.building import build_index

    async with opened_embedder(name, base_url) as embedder:
        with index_progress() as progress:
            built = await build_index(
                source, folder, embedder=embedder, recall=recall, progress=progress
            )
        if embedder is None or not built.embedded:
            return built, ""
        usage, line = embedding_cost(built.usage, embedder)
        return replace(built, usage=usage), line


async def _found(
    source: Path,
    at: str | None,
    collection: str | None,
    query: str,
    k: int,
    base_url: str | None,
) -> tuple[tuple[Hit, ...], str]:
    """What fits best, and a line about what embedding the query took."""
    from lean_agent.retrieval.retriever import check_address

    retriever = await _retriever(source, at, collection)
    try:
        async with opened_embedder(retriever.embedder or "", base_url) as embedder:
            if embedder is None:
                return (await retriever.search(query, k)).hits, ""
            if base_url is None:
                check_address(retriever, embedder)
            made = await embedder.embed([query])
            found = await retriever.search(query, k, vector=made.vectors[0])
            return found.hits, embedding_cost(made.usage, embedder)[1]
    finally:
        await retriever.aclose()


async def _retriever(source: Path, at: str | None, collection: str | None) -> Retriever:
    if at is None:
        from lean_agent.retrieval.index_retriever import IndexRetriever

        return IndexRetriever(_opened(source))
    from lean_agent.retrieval.qdrant import QdrantRetriever
    from lean_agent.retrieval.qdrant_collection import DEFAULT_COLLECTION

    return await QdrantRetriever.open(at, collection=collection or DEFAULT_COLLECTION)


def _opened(source: Path) -> Index:
    """The index in a folder, or else the one of it.

    Raises:
        ConfigurationError: there is none; the hint is the command that makes it.
    """
    import shlex

    from lean_agent.retrieval.index import Index
    from lean_agent.retrieval.index_folder import IndexFolder, default_folder

    if not source.is_dir():
        raise usage_error(f"no such folder: {source}", "lean-agent index --help")
    for folder in (source, default_folder(source)):
        if IndexFolder(folder).current is not None:
            return Index.open(folder)
    command = f"run: lean-agent index build {shlex.quote(str(source))}"
    raise usage_error(f"{source} has no index yet", command)


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


def _time(nanoseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat()
