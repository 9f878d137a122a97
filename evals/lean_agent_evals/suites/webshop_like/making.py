"""A shop of invented products, the same in every process for the same split and seed."""

from __future__ import annotations

from collections.abc import Mapping

from lean_agent_evals.splits import split_of
from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal, goal_for, price_limit, wishes
from lean_agent_evals.suites.webshop_like.product import Product
from lean_agent_evals.suites.webshop_like.vocabulary import (
    BRAND_ENDS,
    BRAND_STARTS,
    DEPARTMENTS,
    Department,
    Kind,
)
from lean_agent_evals.task import Split

__all__ = ["make_catalogue", "make_goals"]

_ASIN_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def make_catalogue(split: Split, seed: int, products: int) -> Catalogue:
    """``products`` of the types in the vocabulary, as many of each."""
    dice = Dice("webshop-like", split, seed)
    kinds = [(department, kind) for department in DEPARTMENTS for kind in department.kinds]
    asins: dict[str, None] = {}
    while len(asins) < products:
        asins["B0" + "".join(dice.pick(_ASIN_LETTERS) for _ in range(8))] = None
    made = [_product(dice, asin, *kinds[number % len(kinds)]) for number, asin in enumerate(asins)]
    return Catalogue(dice.shuffled(made))


def make_goals(catalogue: Catalogue, split: Split, seed: int) -> list[Goal]:
    """One for each product, but for those whose instruction falls to the other split or has been
    given before.
    """
    dice = Dice("webshop-like goals", split, seed)
    goals: dict[str, Goal] = {}
    for product in catalogue.products.values():
        options = dice.pick(list(wishes(product)))
        goal = goal_for(product, options, price_limit(product.price, dice.sample))
        if split_of(goal.instruction) == split:
            goals.setdefault(goal.instruction, goal)
    return list(goals.values())


def _product(dice: Dice, asin: str, department: Department, kind: Kind) -> Product:
    before = dice.sample(department.before, dice.between(1, 3))
    with_ = dice.sample(department.with_, dice.between(1, 3))
    for_ = dice.sample(department.for_, dice.between(1, 2))
    brand = dice.pick(BRAND_STARTS) + dice.pick(BRAND_ENDS)
    # A title tells some of what a product is; the rest is on its other pages.
    words = [brand, before[0], kind.name, "with", with_[0]]
    name = " ".join(word if word == "with" else _title(word) for word in words)
    lowest, highest = kind.prices
    price = dice.between(lowest * 100, highest * 100) / 100
    wish, wished = _wish(dice, kind, before, with_, for_)
    return Product(
        asin=asin,
        category=department.category,
        query=kind.query,
        product_category=f"{department.root} › {kind.section} › {kind.name}",  # noqa: RUF001
        name=name,
        description=f"The {brand} {kind.name.lower()} is made for {' and '.join(for_)}.",
        features=(*map(_feature, [*before, *with_]), f"By {brand}."),
        price=price,
        price_tag=f"${price}",
        options=_options(dice, department, kind),
        attributes=tuple(dice.shuffled([*before, *with_, *for_])),
        wish=wish,
        wished=wished,
    )


def _options(dice: Dice, department: Department, kind: Kind) -> Mapping[str, tuple[str, ...]]:
    """Some of each option's values, in the order of the vocabulary."""
    options: dict[str, tuple[str, ...]] = {}
    for name in kind.options:
        values = department.options[name]
        few = dice.sample(values, dice.between(2, min(6, len(values))))
        options[name] = tuple(value for value in values if value in few)
    return options


def _wish(
    dice: Dice, kind: Kind, before: list[str], with_: list[str], for_: list[str]
) -> tuple[str, tuple[str, ...]]:
    """An instruction for a part of the attributes, and which they are."""
    first = before[: dice.between(1, 2)]
    then = with_[: dice.between(0, 2)]
    last = for_[: dice.between(0, 1)]
    text = f"Find me {', '.join(first)} {kind.query}"
    text += f" with {', '.join(then)}" if then else ""
    text += f" for {', '.join(last)}" if last else ""
    return text, (*first, *then, *last)


def _feature(attribute: str) -> str:
    return f"{attribute.capitalize()}: you will notice it every day."


def _title(words: str) -> str:
    """Capitals as in a shop; those that a word has inside stay."""
    return " ".join(word[:1].upper() + word[1:] for word in words.split())
