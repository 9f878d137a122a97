"""WebShop's reward for a purchase (Yao et al., "WebShop", NeurIPS 2022, and its published code)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.libraries import token_set_ratio
from lean_agent_evals.suites.webshop_like.nouns import nouns
from lean_agent_evals.suites.webshop_like.product import Product

__all__ = ["Reward", "goal_options", "is_option", "reward"]

# fmt: off
_COLOURS = (
    "alabaster", "apricot", "aqua", "ash", "asphalt", "azure", "banana", "beige", "black", "blue",
    "blush", "bordeaux", "bronze", "brown", "burgundy", "camel", "camo", "caramel", "champagne",
    "charcoal", "cheetah", "chestnut", "chocolate", "christmas", "coffee", "cognac", "copper",
    "coral", "cranberry", "cream", "crystal", "dark", "denim", "eggplant", "elephant", "espresso",
    "fuchsia", "gold", "granite", "grape", "graphite", "grass", "gray", "green", "grey", "heather",
    "indigo", "ivory", "ivy", "khaki", "lavender", "lemon", "leopard", "light", "lilac", "lime",
    "magenta", "maroon", "mauve", "merlot", "midnight", "mint", "mocha", "multicolor", "mushroom",
    "mustard", "natural", "navy", "nude", "olive", "orange", "peach", "pewter", "pink", "plum",
    "purple", "rainbow", "red", "rose", "royal", "rust", "sand", "sapphire", "seashell", "silver",
    "skull", "slate", "steel", "stone", "stonewash", "sunflower", "tan", "taupe", "teal", "tiger",
    "turquoise", "violet", "walnut", "wheat", "white", "wine", "yellow",
)
# fmt: on
_SIMILAR = 85
_Option = str | tuple[str, str]
"""A value that somebody wrote, or an option's name and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """``attributes`` and ``options`` are how many of those wanted the purchase has; ``type`` is the
    factor for its type, ``title`` the share of the wanted name's nouns in its own.
    """

    attributes: int
    attributes_wanted: int
    options: int
    options_wanted: int
    price: bool
    type: float
    title: float
    query_match: bool
    category_match: bool

    @property
    def value(self) -> float:
        """From 0 to 1."""
        matched = self.attributes + self.options + self.price
        return matched / (self.attributes_wanted + self.options_wanted + 1) * self.type

    def __str__(self) -> str:
        return (
            f"attributes {self.attributes} of {self.attributes_wanted}, "
            f"options {self.options} of {self.options_wanted}, "
            f"price {'in' if self.price else 'over'} the limit, type {self.type:g}"
        )


def reward(bought: Product, options: Mapping[str, str], goal: Goal) -> Reward:
    """What buying a product with these options chosen is worth.

    Raises:
        ConfigurationError: the library that compares words is not installed.
    """
    query_match = bought.query == goal.product.query
    category_match = len(_categories(bought) & _categories(goal.product)) >= 2
    title = _title(bought.name, goal.product.name)
    wanted = goal_options(goal)
    return Reward(
        attributes=sum(_has_attribute(bought, attribute) for attribute in goal.attributes),
        attributes_wanted=len(goal.attributes),
        options=sum(any(is_option(v, option) for v in options.values()) for option in wanted),
        options_wanted=len(wanted),
        price=bought.price <= goal.price_upper,
        type=_type(title, same=query_match or category_match),
        title=title,
        query_match=query_match,
        category_match=category_match,
    )


def goal_options(goal: Goal) -> list[_Option]:
    """Each option that is wanted."""
    options = goal.options
    return list(options.items() if isinstance(options, Mapping) else options)


def is_option(chosen: str, wanted: _Option) -> bool:
    """Whether a chosen value is the one wanted, by the words they share.

    As in the original, a chosen value is cut down to the first colour whose letters occur in it,
    while a wanted pair of name and value is not. So "1877black", cut to "black", is not what
    "color 1877black" asks for, and the oracle's own purchase can miss an option.
    """
    return _similar(str(_colour(chosen)), str(_colour(wanted)))


def _colour(option: _Option) -> _Option:
    return next((colour for colour in _COLOURS if colour in option), option)


def _categories(product: Product) -> set[str]:
    return {part.strip() for part in product.product_category.split("›")}  # noqa: RUF001


def _title(bought: str, wanted: str) -> float:
    names = nouns(wanted)
    return len(set(names) & set(nouns(bought))) / len(names) if names else 0.2


def _type(title: float, *, same: bool) -> float:
    if title == 0:
        return 0.0
    if title < 0.1:
        return 0.1
    return 1.0 if same or title > 0.2 else 0.5


def _has_attribute(product: Product, attribute: str) -> bool:
    if any(_similar(own, attribute) for own in product.attributes):
        return True
    texts = (product.name, " ".join(product.features), product.description)
    return any(attribute in text.lower() for text in texts)


def _similar(one: str, other: str) -> bool:
    return token_set_ratio()(one, other) > _SIMILAR
