"""A folder of documents made ready to search: by its built index, or read into memory."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent import ConfigurationError
from lean_agent._threads import in_daemon_thread
from lean_agent.retrieval.retriever import Retriever

if TYPE_CHECKING:
    from lean_agent.retrieval.files import Skipped

__all__ = ["Documents", "OpenedOnce"]

_BY_WORDS = "by their words alone (BM25)"


@dataclass(frozen=True, slots=True)
class Documents:
    """``about`` is the line that tells the person how they are searched."""

    retriever: Retriever
    files: int
    passages: int
    skipped: Sequence[Skipped]
    about: str


def _open(folder: Path, embedder: str | None) -> Documents:
    """Open the folder's index if a build would find nothing to do; else read the folder as it is
    now, so that no answer comes from a file's old text. Blocks.

    With an ``embedder`` only an index with its vectors will do.

    Raises:
        ConfigurationError: there is no readable document, or no current index of the embedder.
    """
    from lean_agent.retrieval.index_folder import IndexFolder, default_folder

    place = next(
        (p for p in (folder, default_folder(folder)) if IndexFolder(p).current is not None), None
    )
    why, command = f"{folder} has no index", f"lean-agent index build {shlex.quote(str(folder))}"
    if place is not None:
        try:
            opened = _indexed(place, embedder)
        except ConfigurationError as error:
            if embedder is not None or place == folder:
                raise
            return _in_memory(folder, f": {error.message}; {error.hint}")
        if isinstance(opened, Documents):
            return opened
        folder = opened
        why = "the documents have changed since they were indexed"
        command = IndexFolder(place).build_command(str(folder))
    if embedder is not None:
        raise ConfigurationError(why, hint=f"run: {command} --embedder {embedder}")
    return _in_memory(folder, f": {why}; run: {command}" if place is not None else "")


def _indexed(place: Path, embedder: str | None) -> Documents | Path:
    """The folder that was indexed where its files are others by now."""
    from lean_agent.retrieval.files import Skipped
    from lean_agent.retrieval.index import Index
    from lean_agent.retrieval.index_retriever import IndexRetriever
    from lean_agent.retrieval.scanning import scan

    index = Index.open(place, embedder=embedder)
    source = Path(index.manifest.source)
    # An index may outlive its source, or be taken elsewhere without it.
    if source.is_dir() and scan(source, index, without=index.folder).changed:
        return source
    retriever = IndexRetriever(index)
    how = f"by words and by meaning ({retriever.embedder})" if retriever.embedder else _BY_WORDS
    return Documents(
        retriever,
        files=index.manifest.files,
        passages=len(index),
        skipped=[Skipped(file.path, file.skipped) for file in index.files() if file.skipped],
        about=f"the documents are searched {how}, in their index",
    )


def _in_memory(folder: Path, why: str) -> Documents:
    from lean_agent.retrieval.corpus import load_corpus
    from lean_agent.retrieval.lexical import LexicalIndex, LexicalRetriever

    corpus = load_corpus(folder)
    return Documents(
        LexicalRetriever(LexicalIndex(corpus.passages), name=str(folder)),
        files=corpus.files,
        passages=len(corpus.passages),
        skipped=corpus.skipped,
        about=f"the documents are searched {_BY_WORDS}{why}",
    )


class OpenedOnce:
    """Opens documents at the first need; callers at the same time share one opening, and one that
    failed is tried again.
    """

    def __init__(self, folder: Path, embedder: str | None) -> None:
        self._folder = folder
        self._embedder = embedder
        self._lock = threading.Lock()
        self._documents: Documents | None = None

    async def get(self) -> Documents:
        """The documents, opened off the event loop."""
        return self._documents or await in_daemon_thread(self._opened)

    def _opened(self) -> Documents:
        with self._lock:
            if self._documents is None:
                self._documents = _open(self._folder, self._embedder)
            return self._documents
