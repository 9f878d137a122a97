"""The official oracle: it knows for which product and options a goal was made.

It finds the product by the first words of its name. Its reward is not always 1, because the reward
compares options by their words (see ``reward.is_option``).
"""

from __future__ import annotations

from collections.abc import Mapping

from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.reward import is_option
from lean_agent_evals.suites.webshop_like.session import BUY, NEXT, PER_PAGE

__all__ = ["oracle"]

_QUERY_WORDS = 8


def oracle(goal: Goal, catalogue: Catalogue) -> list[str]:
    """All that it does: ``search[...]`` once, then ``click[...]`` up to the purchase. It leaves if
    it does not find the product.

    Raises:
        ConfigurationError: a library is not installed.
    """
    product = goal.product
    query = " ".join(product.name.split()[:_QUERY_WORDS])
    found = [found.asin for found in catalogue.search(query)]
    if product.asin not in found:
        return [f"search[{query}]"]
    pages = found.index(product.asin) // PER_PAGE
    clicks = [*[NEXT] * pages, product.asin.lower(), *_values(goal), BUY]
    return [f"search[{query}]", *(f"click[{target}]" for target in clicks)]


def _values(goal: Goal) -> list[str]:
    """The product's own values for what is wanted; people wrote some that it does not have."""
    if isinstance(goal.options, Mapping):
        return list(goal.options.values())
    own = [value for values in goal.product.options.values() for value in values]
    fitting = (
        [value for value in own if value == wanted.lower()]
        or [value for value in own if is_option(value, wanted)]
        for wanted in goal.options
    )
    return [value for values in fitting for value in values[:1]]
