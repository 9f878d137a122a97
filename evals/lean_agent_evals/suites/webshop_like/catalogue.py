"""A shop's products and its search."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lean_agent_evals.suites.webshop_like.lucene import LuceneIndex
from lean_agent_evals.suites.webshop_like.product import Product

__all__ = ["Catalogue"]

_MOST_FOUND = 50


class Catalogue:
    """Read only, so any number of attempts may share one. It is indexed at the first search."""

    def __init__(self, products: Iterable[Product]) -> None:
        self.products = {product.asin: product for product in products}
        self._lock = threading.Lock()
        self._index: LuceneIndex | None = None

    def search(self, query: str) -> list[Product]:
        """The best 50 or fewer, best first.

        Raises:
            ConfigurationError: the stemmer is not installed.
        """
        with self._lock:
            if self._index is None:
                self._index = LuceneIndex(
                    [(product.asin, product.indexed) for product in self.products.values()]
                )
        return [self.products[asin] for asin in self._index.search(query, _MOST_FOUND)]
