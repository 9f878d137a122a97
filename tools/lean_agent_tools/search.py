"""``search``: the passages of a collection that fit a query best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent import ConfigurationError, RunContext, ToolSpec, tool
from lean_agent.errors import LeanAgentError
from lean_agent.retrieval.retriever import Found, Retriever, check_address
from lean_agent.tool_spec import Holding
from lean_agent_tools._documents import Documents, OpenedOnce

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lean_agent.embedder import Embedder

__all__ = ["SearchTool", "search_tool"]

_MAX_PASSAGE_CHARS = 500
_ARGUMENT = "query"
_WITHOUT_VECTOR = "(Found by words alone: the query could not be embedded.)"


@dataclass(frozen=True, slots=True)
class _Searched:
    found: Found
    without_vector: bool = False


class SearchTool:
    """Searches one collection, which is opened once: at the first search, or by ``open``.

    Where it has vectors, the query is embedded at the run's expense. If that fails, or the budget
    has no room for it, words alone are searched for; the model and the person are told.
    """

    def __init__(
        self,
        collection: OpenedOnce | Retriever,
        *,
        embedder: Embedder | None,
        k: int,
        prefetch: bool,
    ) -> None:
        self._collection = collection
        self._embedder = embedder
        self._k = k
        self._told = False
        self._tool = tool(name="search", timeout=120, word_parameters=(_ARGUMENT,))(self._search)
        self.prefetched = _ARGUMENT if prefetch else ""

    @property
    def spec(self) -> ToolSpec:
        return self._tool.spec

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        try:
            return await self._tool.call(arguments, ctx)
        except ConfigurationError as error:  # which a person mends, and no model
            ctx.log(f"search: {error.message}" + (f"; {error.hint}" if error.hint else ""))
            raise

    async def holds(self, names: Sequence[str]) -> bool | None:
        """Whether any of the names stands in the documents; None where their server cannot tell.

        Raises:
            ConfigurationError: there is no readable document in the folder.
        """
        collection = self._collection
        if isinstance(collection, OpenedOnce):
            collection = (await collection.get()).retriever
        return await collection.holds(names) if isinstance(collection, Holding) else None

    async def prefetch(self, arguments: Mapping[str, Any], ctx: RunContext) -> _Searched:
        """What a call would search for. One without the vector that it should have is none."""
        query = str(arguments[_ARGUMENT])
        retriever = await self._retriever(ctx)
        return await self._find(retriever, query, await self._vector(retriever, query, ctx), ctx)

    async def open(self) -> Documents | None:
        """Read or map the folder now, off the event loop, instead of at the first search.

        Raises:
            ConfigurationError: there is no readable document in the folder.
        """
        return await self._collection.get() if isinstance(self._collection, OpenedOnce) else None

    async def aclose(self) -> None:
        """Give the embedder back; the tool may be used again afterwards."""
        if self._embedder is not None:
            await self._embedder.aclose()

    async def _search(self, query: str, ctx: RunContext) -> str:
        """Search the documents. Returns the best passages.

        Args:
            query: A few words.
            ctx: The run, which pays for the query's vector.
        """
        retriever = await self._retriever(ctx)
        searched: _Searched | None = await ctx.prefetched(query, None)
        if searched is None:
            try:
                vector = await self._vector(retriever, query, ctx)
            except LeanAgentError as error:
                ctx.log(f"searched by words alone: {error.message}")
                found = await retriever.search(query, self._k, hurry=ctx.model_is_free)
                searched = _Searched(found, without_vector=True)
            else:
                if vector is not None:
                    searched = await ctx.prefetched(query, vector)
                searched = searched or await self._find(retriever, query, vector, ctx)
        return _shown(query, searched)

    async def _find(
        self,
        retriever: Retriever,
        query: str,
        vector: NDArray[np.float32] | None,
        ctx: RunContext,
    ) -> _Searched:
        return _Searched(
            await retriever.search(query, self._k, vector=vector, hurry=ctx.model_is_free)
        )

    async def _vector(
        self, retriever: Retriever, query: str, ctx: RunContext
    ) -> NDArray[np.float32] | None:
        """The query's vector; None where the collection takes none.

        Raises:
            LeanAgentError: the embedder failed, or the budget has no room for it.
        """
        if retriever.embedder is None:
            return None
        if self._embedder is None:
            from lean_agent.models.registry import open_embedder

            embedder = open_embedder(retriever.embedder)
            check_address(retriever, embedder)
            self._embedder = embedder
        return (await ctx.embed(self._embedder, [query])).vectors[0]

    async def _retriever(self, ctx: RunContext) -> Retriever:
        if not isinstance(self._collection, OpenedOnce):
            return self._collection
        documents = await self._collection.get()
        if not self._told:
            self._told = True
            ctx.log(documents.about)
        return documents.retriever


def _shown(query: str, searched: _Searched) -> str:
    from lean_agent.retrieval.words import excerpt

    shown = [
        f"[{number}] {hit.passage.title} ({hit.passage.source})\n"
        + excerpt(hit.passage.text, query, _MAX_PASSAGE_CHARS)
        for number, hit in enumerate(searched.found.hits, 1)
    ]
    if searched.without_vector:
        shown.append(_WITHOUT_VECTOR)
    return "\n\n".join(shown) or "No passage matches."


def search_tool(
    folder: Path | None = None,
    *,
    retriever: Retriever | None = None,
    embedder: str | Embedder | None = None,
    k: int = 3,
    prefetch: bool = False,
) -> SearchTool:
    """A tool named "search" over a folder of documents, or over a collection of your own.

    A folder is searched in its index (``lean-agent index build``) if that is current, else in
    memory by its words (BM25).

    Args:
        folder: A folder of documents, or that of an index.
        retriever: The collection, in place of a folder. It stays the caller's to close.
        embedder: Embeds queries, where it is not the one that the collection names; a folder
            must then have an index of it.
        k: How many passages a call shows.
        prefetch: Search ahead, for the question and for half-written calls: worth it where a
            search takes long (docs/tools.md).

    Raises:
        ConfigurationError: there is no such folder, both or neither are given, or the collection's
            vectors are another embedder's.
    """
    from lean_agent.models.registry import open_embedder

    opened = None if embedder is None else open_embedder(embedder)
    name = None if opened is None else opened.name
    if (folder is None) == (retriever is None):
        raise ConfigurationError(
            "search_tool takes a folder or a retriever", hint="give one of the two"
        )
    collection: OpenedOnce | Retriever
    if folder is not None:
        folder = Path(folder)
        if not folder.is_dir():
            raise ConfigurationError(f"no such folder: {folder}", hint="give a folder of documents")
        collection = OpenedOnce(folder, name)
    else:
        assert retriever is not None  # noqa: S101 - one of the two
        collection = retriever
        if name is not None and retriever.embedder != name:
            raise ConfigurationError(
                f"{retriever.name} has vectors of {retriever.embedder or 'no embedder'},"
                f" not of {name}",
                hint="give the embedder that made them, or none",
            )
    return SearchTool(collection, embedder=opened, k=k, prefetch=prefetch)
