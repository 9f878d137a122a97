"""The retrieval boundary: a query in, passages out. Spec: retrieval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lean_agent.embedder import Embedder, address_of
from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.hits import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Found", "Retriever", "at_once", "check_address", "check_vector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``hits`` are the best first. ``rungs`` is how many times an anytime search looked, each time
    harder; ``mature`` is false only of one whose last two looks did not agree.
    """

    hits: tuple[Hit, ...]
    rungs: int = 1
    mature: bool = True


def check_address(retriever: Retriever, embedder: Embedder) -> None:
    """Refuse to send a query elsewhere than where the passages were embedded, as they may be
    private to it. A retriever tells by ``embedder_url``, if it knows.

    Raises:
        ConfigurationError: the embedder, opened by its name alone, is at another address.
    """
    was: str = getattr(retriever, "embedder_url", "")
    if was and was != address_of(embedder):
        raise ConfigurationError(
            f"the documents were embedded at {was}",
            hint=f"say that queries go there: --base-url {was}, or an embedder with that base_url",
        )


def at_once() -> bool:
    """The one who asks waits already."""
    return True


@runtime_checkable
class Retriever(Protocol):
    """A searchable collection of passages, for several runs at once. It pays for nothing: whoever
    asks has embedded the query.
    """

    @property
    def name(self) -> str:
        """For people: the index's folder, the server's address."""
        ...

    @property
    def embedder(self) -> str | None:
        """The name of the embedder whose vectors it takes; None: it compares words alone."""
        ...

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        vector: NDArray[np.float32] | None = None,
        hurry: Callable[[], bool] = at_once,
    ) -> Found:
        """The ``k`` best passages; without the query's ``vector`` words alone count.

        ``hurry`` says whether the one who asks could use them now: a search that can get better
        ends once it is mature and ``hurry()`` is true.

        Raises:
            RetrievalError: the collection cannot be searched, now or at all.
            ConfigurationError: ``vector`` is not one of the embedder's.
        """
        ...

    async def aclose(self) -> None:
        """Give back what it holds; it may be used again afterwards."""
        ...


def check_vector(vector: NDArray[np.float32], dimensions: int, embedder: str) -> None:
    """A vector that another embedder made, or that has no direction, would find anything.

    Raises:
        ConfigurationError: it is not finite numbers of so many dimensions; of 0, none will do.
    """
    import numpy as np

    if not dimensions:
        raise ConfigurationError(
            "the passages have no vectors to compare the query's with",
            hint="ask without a vector, or index them with an embedder",
        )
    if vector.shape != (dimensions,):
        raise ConfigurationError(
            f"the query's vector has shape {vector.shape}, the passages' have {dimensions}"
            " dimensions",
            hint=f"embed queries with {embedder}",
        )
    if not np.isfinite(vector).all():
        raise ConfigurationError(
            "the query's vector holds other than finite numbers",
            hint=f"embed queries with {embedder}",
        )
