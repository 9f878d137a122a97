"""WebShop's own products and instructions, from its published files."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from lean_agent import ConfigurationError
from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal, goal_for, price_limit, wishes
from lean_agent_evals.suites.webshop_like.product import Product

__all__ = ["GoalSource", "load_official"]

GoalSource = Literal["synthetic", "human"]
_SHUFFLE_SEED = 233
"""The original's."""

_PRICE_SEED = 0
"""The original draws prices from the ranges, and the limits, with no seed at all."""


def load_official(folder: Path, goals: GoalSource) -> tuple[Catalogue, list[Goal]]:
    """The products and goals, in the order of the original.

    The folder holds ``items_shuffle*.json``, ``items_ins_v2*.json`` and, for human goals,
    ``items_human_ins*.json``, one of each.

    Raises:
        ConfigurationError: a file is missing or is not what it should be.
    """
    chance = random.Random(_PRICE_SEED)  # noqa: S311 - no secrets
    items, attributes = _read(folder, "items_shuffle"), _read(folder, "items_ins_v2")
    people = _read(folder, "items_human_ins") if goals == "human" else None
    try:
        catalogue = Catalogue(_products(items, attributes, chance))
        if people is None:
            found = list(_synthetic(catalogue, chance))
        else:
            found = list(_human(catalogue, people, chance))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ConfigurationError(
            f"the files in {folder} are not WebShop's: {type(error).__name__} {error}",
            hint="take those of princeton-nlp/WebShop as they are",
        ) from error
    random.Random(_SHUFFLE_SEED).shuffle(found)  # noqa: S311 - no secrets
    return catalogue, found


def _read(folder: Path, stem: str) -> Any:
    files = sorted(folder.glob(f"{stem}*.json"))
    if len(files) != 1:
        raise ConfigurationError(
            f"{folder} holds {len(files)} files {stem}*.json instead of one",
            hint="see WebShop's setup.sh for where its files are",
        )
    try:
        return json.loads(files[0].read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{files[0]} cannot be read: {error}") from error


def _products(
    items: list[dict[str, Any]], attributes: dict[str, Any], chance: random.Random
) -> Iterator[Product]:
    seen: set[str] = set()
    for item in items:
        asin: str = item["asin"]
        if asin == "nan" or len(asin) > 10 or asin in seen:
            continue
        seen.add(asin)
        features = item["small_description"]
        prices = _prices(item.get("pricing") or "$100.0")
        own = attributes.get(asin, {})
        yield Product(
            asin=asin,
            category=item["category"],
            query=item["query"].lower().strip(),
            product_category=item["product_category"],
            name=item["name"],
            description=item["full_description"],
            features=(features,) if isinstance(features, str) else tuple(features),
            price=chance.uniform(*prices) if len(prices) == 2 else prices[0],
            price_tag=" to ".join(f"${price}" for price in prices),
            options=_options(item["customization_options"] or {}),
            attributes=tuple(own.get("attributes", ())),
            wish=own.get("instruction") or "",
            wished=tuple(own.get("instruction_attributes") or ()),
        )


def _prices(text: str) -> list[float]:
    """The first two at most, in dollars."""
    parts = text.split("$")[1:3]
    return [float(Decimal(re.sub(r"[^\d.]", "", part))) for part in parts]


def _options(given: dict[str, list[dict[str, Any]] | None]) -> Mapping[str, tuple[str, ...]]:
    return {
        name.lower(): tuple(value["value"].strip().replace("/", " | ").lower() for value in values)
        for name, values in given.items()
        if values is not None
    }


def _synthetic(catalogue: Catalogue, chance: random.Random) -> Iterator[Goal]:
    for product in catalogue.products.values():
        if product.wish:
            limit = price_limit(product.price, chance.sample)
            yield from (goal_for(product, options, limit) for options in wishes(product))


def _human(catalogue: Catalogue, people: dict[str, Any], chance: random.Random) -> Iterator[Goal]:
    for product in catalogue.products.values():
        for asked in people.get(product.asin, ()):
            attributes = tuple(asked["instruction_attributes"])
            if attributes:
                limit, said = price_limit(product.price, chance.sample)
                yield Goal(
                    product=product,
                    instruction=asked["instruction"].strip(".") + said,
                    attributes=attributes,
                    options=tuple(asked["instruction_options"]),
                    price_upper=limit,
                )
