"""``local:NAME``: an embedding model of the catalogue in the embedded engine. Spec: local-stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lean_agent.embedder import Embedded
from lean_agent.errors import ConfigurationError
from lean_agent.models import catalog
from lean_agent.models.embeddings import OpenAICompatibleEmbedder
from lean_agent.models.engine import EngineHandle
from lean_agent.models.shared_engine import SharedEngine

__all__ = ["LocalEmbedder"]

# Enough for all slots; more in a request would only let a single question wait longer.
_BATCH_TEXTS = 4
_CONCURRENCY = 2


class LocalEmbedder:
    """An embedder that runs on this machine, in an engine shared with the user's other processes.

    Its engine is a process beside the chat model's: each takes all cores while it works. It
    starts, ends and is given back as ``LocalModel``'s is. A text counts by the first
    ``context_tokens`` of the catalogue (512 for MiniLM, of which sentence-transformers reads 256).

    Raises:
        ConfigurationError: the name is not of an embedder in the catalogue; at a call: missing or
            broken weights.
    """

    def __init__(
        self,
        name: str,
        *,
        auto_pull: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        if catalog.get(name).kind != "embedding":
            raise ConfigurationError(
                f"local:{name} is a chat model, not an embedder",
                hint="take one that models list shows as embedding",
            )
        self._name = f"local:{name}"
        self._engine = SharedEngine(
            name, self._client, auto_pull=auto_pull, progress=progress, notify=notify
        )

    @property
    def name(self) -> str:
        return self._name

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text."""
        async with self._engine.call() as client:
            return await client.embed(texts)

    async def aclose(self) -> None:
        """Give the engine back, unless another loop's call is in flight: its closing does it."""
        await self._engine.aclose()

    def _client(self, handle: EngineHandle) -> OpenAICompatibleEmbedder:
        return OpenAICompatibleEmbedder(
            self._name,
            base_url=handle.base_url,
            api_key=handle.api_key,
            context_tokens=handle.context_tokens,
            batch_texts=_BATCH_TEXTS,
            concurrency=_CONCURRENCY,
            # It may wait for other processes' texts, and nobody is billed for the wait.
            seconds=None,
            # The caller is told that the engine has ended, and starts it again.
            attempts=1,
        )
