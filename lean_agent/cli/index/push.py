"""``lean-agent index push``."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.index.opening import Collection, opened_index
from lean_agent.cli.index_progress import index_progress
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import count, one_line

__all__ = ["push"]


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
    index = opened_index(source)
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
