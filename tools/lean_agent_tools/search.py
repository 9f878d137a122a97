"""``search``: passages of a folder of documents that share words with a query."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent import ConfigurationError, RunContext, ToolSpec, tool
from lean_agent._threads import in_daemon_thread

if TYPE_CHECKING:
    from lean_agent.retrieval.corpus import Corpus
    from lean_agent.retrieval.lexical import LexicalIndex

__all__ = ["SearchTool", "search_tool"]

_MAX_PASSAGE_CHARS = 500


class SearchTool:
    """Searches one folder, which is read and indexed once: at the first search, or by ``open``.

    Raises:
        ConfigurationError: there is no such folder.
    """

    def __init__(self, folder: Path, *, k: int) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"no such folder: {folder}", hint="give a folder of documents")
        self._folder = folder
        self._k = k
        self._lock = threading.Lock()
        self._ready: tuple[Corpus, LexicalIndex] | None = None
        self._tool = tool(name="search", timeout=120)(self._search)

    @property
    def spec(self) -> ToolSpec:
        return self._tool.spec

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        return await self._tool.call(arguments, ctx)

    async def open(self) -> Corpus:
        """Read and index the folder now, off the event loop, instead of at the first search.

        Raises:
            ConfigurationError: there is no readable document in the folder.
        """
        return (await in_daemon_thread(self._opened))[0]

    def _opened(self) -> tuple[Corpus, LexicalIndex]:
        """Blocks, so that callers at the same time share one reading. A failure is tried again."""
        from lean_agent.retrieval.corpus import load_corpus
        from lean_agent.retrieval.lexical import LexicalIndex

        with self._lock:
            if self._ready is None:
                corpus = load_corpus(self._folder)
                self._ready = corpus, LexicalIndex(corpus.passages)
            return self._ready

    def _search(self, query: str) -> str:
        """Search the documents. Returns the best passages.

        Args:
            query: A few words.
        """
        _, index = self._opened()
        shown = [
            f"[{number}] {hit.passage.title} ({hit.passage.source})\n"
            + index.excerpt(hit.passage, query, _MAX_PASSAGE_CHARS)
            for number, hit in enumerate(index.search(query, self._k), 1)
        ]
        return "\n\n".join(shown) or "No passage matches."


def search_tool(folder: Path, *, k: int = 3) -> SearchTool:
    """A tool named "search" over a folder of documents; each call shows the ``k`` best passages.

    Raises:
        ConfigurationError: there is no such folder.
    """
    return SearchTool(Path(folder), k=k)
