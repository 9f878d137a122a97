"""An embedder that pays: for work outside of a run, such as building an index."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from lean_agent.embedder import Embedded, Embedder, address_of
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Budget
from lean_agent.ledger.caps import open_shared
from lean_agent.ledger.ledger import Ledger
from lean_agent.models.pricing import PriceTable
from lean_agent.runtime.book import Book
from lean_agent.runtime.embedding import MeteredEmbedding
from lean_agent.runtime.spending import Spending
from lean_agent.usage import Usage

__all__ = ["MeteredEmbedder"]


class MeteredEmbedder:
    """An Embedder like ``embedder``, each of its requests in the ledger (one run id, purpose
    ``embed``) and under ``budget`` and the ledger's caps.

    ``usage`` is what it cost until now, ``notices`` what the user should be told.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        ledger: Ledger,
        budget: Budget | None = None,
        prices: PriceTable | None = None,
    ) -> None:
        self.usage: Usage = Usage()
        self.notices: list[str] = []
        self._embedder = embedder
        run_id = uuid.uuid4().hex
        self._spending = Spending(
            account=Account(budget),
            shared=open_shared(ledger.folder, self.notices.append, ledger.budget_store),
        )
        self._metering = MeteredEmbedding(
            book=Book(ledger=ledger, run_id=run_id, root_id=run_id, model=embedder.name),
            spending=self._spending,
            charge=self._charge,
            price_of=(prices or PriceTable()).price_of_embedder,
        )

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def base_url(self) -> str:
        return address_of(self._embedder)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text.

        Raises:
            LimitExceededError: the budget has no room for it.
            ModelError: as of the embedder inside; what that cost is charged.
        """
        return await self._metering.embed(self._embedder, texts)

    async def aclose(self) -> None:
        """Close the embedder inside and the account; the ledger stays open."""
        await self._embedder.aclose()
        await self._spending.close()

    def _charge(self, usage: Usage) -> None:
        self.usage += usage
