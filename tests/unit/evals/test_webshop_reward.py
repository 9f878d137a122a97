"""The reward, part by part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lean_agent_evals.suites.webshop_like.goal import Goal, Options
from lean_agent_evals.suites.webshop_like.nouns import nouns
from lean_agent_evals.suites.webshop_like.product import Product
from lean_agent_evals.suites.webshop_like.reward import is_option, reward

HOODIE = Product(
    asin="B0HOODIE01",
    category="fashion",
    query="men's hoodies",
    product_category="Clothing › Men › Hoodies",  # noqa: RUF001
    name="Belabrix Hoodie with Pockets",
    description="For cold days.",
    features=("Machine wash.", "Long sleeve."),
    price=29.99,
    price_tag="$29.99",
    options={"color": ("navy blue", "1877black"), "size": ("large", "x-large")},
    attributes=("slim fit", "quick drying"),
)


def goal(options: Options, **given: Any) -> Goal:
    fields: dict[str, Any] = {
        "product": HOODIE,
        "instruction": "Find me slim fit men's hoodies",
        "attributes": ("slim fit", "long sleeve"),
        "options": options,
        "price_upper": 40.0,
    }
    return Goal(**fields | given)


WANTED = goal({"color": "navy blue", "size": "large"})


def test_the_right_purchase_is_worth_1() -> None:
    found = reward(HOODIE, {"size": "large", "color": "navy blue"}, WANTED)
    assert found.value == 1.0
    assert str(found) == "attributes 2 of 2, options 2 of 2, price in the limit, type 1"


@pytest.mark.parametrize(
    ("options", "value"),
    [({}, 3 / 5), ({"size": "large"}, 4 / 5), ({"size": "x-large", "color": "red"}, 3 / 5)],
)
def test_each_option_counts_as_much_as_an_attribute(options: dict[str, str], value: float) -> None:
    assert reward(HOODIE, options, WANTED).value == value


def test_a_price_over_the_limit_costs_its_share() -> None:
    options = {"size": "large", "color": "navy blue"}
    assert reward(HOODIE, options, goal(WANTED.options, price_upper=29.98)).value == 4 / 5
    assert reward(HOODIE, options, goal(WANTED.options, price_upper=29.99)).value == 1.0


@pytest.mark.parametrize(
    ("attribute", "has"),
    [
        ("slim fit", True),
        ("fit slim", True),
        ("slim fitt", True),
        ("long sleeve", True),
        ("machine wash", True),
        ("cold days", True),
        ("with pockets", True),
        ("easy care", False),
        ("quick release", False),
    ],
)
def test_attributes_are_looked_for_in_the_attributes_and_in_the_texts(
    attribute: str, *, has: bool
) -> None:
    assert reward(HOODIE, {}, goal({}, attributes=(attribute,))).attributes == has


@pytest.mark.parametrize(
    ("chosen", "wanted", "same"),
    [
        ("navy blue", ("color", "navy blue"), True),
        ("dark heather", ("color", "heather dark"), True),
        ("1877black", ("color", "1877black"), False),
        ("fashion woman", ("color", "fashion woman"), False),
        ("black", ("color", "jet black"), True),
        ("1877black", "black", True),
        ("1877black", "1877black", True),
        ("11", ("size", "11"), True),
        ("11", ("size", "10"), False),
        ("x-large", ("size", "large"), False),
        ("large", ("size", "x-large"), True),
        ('28" x 28"', ("size", '28" x 28"'), True),
        ("men's", ("fit type", "men's"), True),
    ],
)
def test_options_are_compared_as_in_the_original(
    chosen: str, wanted: str | tuple[str, str], *, same: bool
) -> None:
    """Also where that is odd: see is_option."""
    assert is_option(chosen, wanted) == same


@pytest.mark.parametrize(
    ("name", "query", "category", "type_"),
    [
        ("Corethra Lamp", "lamps", "Home › Lamps", 0.0),  # noqa: RUF001
        ("Corethra Lamp", "men's hoodies", "Clothing › Men › Hoodies", 0.0),  # noqa: RUF001
        ("Corethra Hoodie", "lamps", "Home › Lamps", 1.0),  # noqa: RUF001
    ],
)
def test_the_type_needs_a_noun_in_common(
    name: str, query: str, category: str, type_: float
) -> None:
    other = replace(HOODIE, name=name, query=query, product_category=category)
    assert reward(other, {}, WANTED).type == type_


@pytest.mark.parametrize(
    ("shared", "nouns_wanted", "alone", "same_query"),
    [(1, 11, 0.1, 0.1), (1, 10, 0.5, 1.0), (1, 5, 0.5, 1.0), (2, 9, 1.0, 1.0), (0, 9, 0.0, 0.0)],
)
def test_the_type_by_the_share_of_nouns(
    shared: int, nouns_wanted: int, alone: float, same_query: float
) -> None:
    words = [f"Wort{chr(97 + n)}" for n in range(nouns_wanted)]
    wanted = goal({}, product=replace(HOODIE, name=" ".join(words)))
    bought = replace(
        HOODIE, name=" ".join([*words[:shared], "Else"]), query="lamps", product_category="Home"
    )
    assert reward(bought, {}, wanted).type == alone
    assert reward(replace(bought, query=HOODIE.query), {}, wanted).type == same_query


def test_two_categories_in_common_are_the_same_type() -> None:
    other = replace(HOODIE, query="lamps", product_category="Hoodies › Men › Garden")  # noqa: RUF001
    assert reward(other, {}, WANTED).category_match
    assert not reward(replace(other, product_category="Hoodies"), {}, WANTED).category_match


def test_a_wanted_name_without_nouns_has_nothing_against_it() -> None:
    wanted = goal({}, product=replace(HOODIE, name="8 of 12"))
    assert reward(HOODIE, {}, wanted).title == 0.2


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Canvas Prints for Living Room", ["canvas", "prints", "living", "room"]),
        ("Men's T-Shirt 100% Cotton, 3D", ["men", "t", "shirt", "%", "cotton", "3d"]),
        ("Modern LED Lamp", ["led", "lamp"]),
        ("Rotana Modern Rug", ["rotana", "modern", "rug"]),
        ("Brush with Long Handle", ["brush", "handle"]),
        ("Women's High-Waisted Jeans", ["women", "waisted", "jeans"]),
        ("High Waisted Jeans 2 x 4", ["waisted", "jeans", "x"]),
        ("", []),
    ],
)
def test_nouns(name: str, found: list[str]) -> None:
    assert nouns(name) == found
