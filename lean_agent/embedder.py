"""The embedder boundary: texts in, unit vectors out. Spec: retrieval ("Corpus", "Hybrid")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from lean_agent.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedded", "Embedder", "address_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """``vectors`` is float32 of shape (texts, dimensions), each row of length 1, in the order of
    the texts. ``usage.cost`` is None, as of a model's response: pricing happens where it is
    charged.
    """

    vectors: NDArray[np.float32]
    usage: Usage


@runtime_checkable
class Embedder(Protocol):
    """``name`` (``local:all-minilm-l6-v2``) stands in an index and tells its vectors from
    another embedder's.
    """

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text; a text that is too long for the model counts by its beginning.

        Raises:
            ModelError: the server failed, or sent something else than asked for.
        """
        ...

    async def aclose(self) -> None:
        """Give back what it holds (connections, an engine); it may be used again afterwards."""
        ...


def address_of(embedder: Embedder) -> str:
    """Where texts are sent, without a name or password; "" where the embedder does not say."""
    base_url: object = getattr(embedder, "base_url", "")
    if not isinstance(base_url, str):
        return ""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
