"""What a shop sells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One page of the shop.

    ``price`` is in dollars and decides the reward; ``price_tag`` is what the page says, which may
    be a range. ``query`` and ``product_category`` say of what type it is. ``attributes`` are on no
    page as such. ``options`` gives the values of each. ``wish`` is an instruction that it fulfils,
    by its attributes ``wished``; empty where it has none.
    """

    asin: str
    category: str
    query: str
    product_category: str
    name: str
    description: str
    features: tuple[str, ...]
    price: float
    price_tag: str
    options: Mapping[str, tuple[str, ...]]
    attributes: tuple[str, ...]
    wish: str = ""
    wished: tuple[str, ...] = ()

    @property
    def indexed(self) -> str:
        """What WebShop's search engine reads of a product."""
        options = ", and ".join(f"{name}: {', '.join(v)}" for name, v in self.options.items())
        return " ".join([self.name, self.description, *self.features[:1], options]).lower()
