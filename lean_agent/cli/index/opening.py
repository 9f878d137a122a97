"""The index that a command names, and the collection's option."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli.failures import usage_error

if TYPE_CHECKING:
    from lean_agent.retrieval.index import Index

__all__ = ["Collection", "opened_index"]

Collection = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The collection's name in Qdrant (else lean-agent)."),
]


def opened_index(source: Path) -> Index:
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
