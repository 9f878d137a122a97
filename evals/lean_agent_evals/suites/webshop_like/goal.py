"""What a shopper is asked to buy, in WebShop's words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lean_agent_evals.suites.webshop_like.product import Product

__all__ = ["Goal", "Options", "Sample", "goal_for", "price_limit", "wishes"]

Options = Mapping[str, str] | tuple[str, ...]
"""Values by the option's name, or values alone, as people wrote them."""

Sample = Callable[[list[float], int], list[float]]
"""So many of the numbers, none twice, at random."""

_LIMITS = [10.0 * tens for tens in range(1, 100)]
_NO_LIMIT = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """An instruction, made for ``product``, and what of it the reward looks for. ``price_upper`` is
    in dollars and the highest price that is still right.
    """

    product: Product
    instruction: str
    attributes: tuple[str, ...]
    options: Options
    price_upper: float


def price_limit(price: float, sample: Sample) -> tuple[float, str]:
    """A limit above a price, in dollars, and how an instruction says it."""
    above = [limit for limit in _LIMITS if limit > price][:4]
    if len(above) < 2:
        return _NO_LIMIT, ""
    limit = max(sample(above, 2))
    return limit, f", and price lower than {limit:.2f} dollars"


def wishes(product: Product) -> Iterator[Mapping[str, str]]:
    """Every combination of a product's options."""
    names = sorted(product.options)
    for values in itertools.product(*(product.options[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def goal_for(product: Product, options: Mapping[str, str], limit: tuple[float, str]) -> Goal:
    """The product's wish, with these options and a limit of the price."""
    said = ", and ".join(f"{name}: {value}" for name, value in options.items())
    return Goal(
        product=product,
        instruction=product.wish + (f" with {said}" if said else "") + limit[1],
        attributes=product.wished,
        options=options,
        price_upper=limit[0],
    )
