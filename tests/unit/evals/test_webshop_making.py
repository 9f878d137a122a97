"""Invented shops: the same everywhere for a seed, and the two splits share nothing."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys

import pytest

from lean_agent_evals.suites.webshop_like import WebShopLike
from lean_agent_evals.suites.webshop_like.contents import invented
from lean_agent_evals.suites.webshop_like.making import make_catalogue
from lean_agent_evals.suites.webshop_like.vocabulary import BRAND_ENDS, BRAND_STARTS, DEPARTMENTS

DIGEST = "89662ea1f5377d3bd095353ba972db26b04cd7416d274963d2e22ee1b6d3f2a2"
"""Results of before and after a change of this are no longer of the same test."""


def digest() -> str:
    """Of all products, all goals, and what is found."""
    shop = invented("dev", 0, 200)
    found = [p.asin for p in shop.catalogue.search("machine washable throw blankets")]
    everything = (list(shop.catalogue.products.values()), shop.goals, found)
    return hashlib.sha256(repr(everything).encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_with_other_hashes_makes_the_same(hash_seed: str) -> None:
    script = f"import sys; sys.path[:0] = {sys.path!r}; import {__name__} as t; print(t.digest())"
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    ).stdout
    assert printed.strip() == digest() == DIGEST


def test_tasks_are_the_same_when_asked_for_again() -> None:
    whole = WebShopLike(products=200).tasks("dev", seed=3)
    invented.cache_clear()
    assert WebShopLike(products=200).tasks("dev", seed=3) == whole
    assert WebShopLike(products=200).tasks("dev", seed=3, count=7) == whole[:7]


def test_no_split_has_a_question_or_a_product_of_the_other() -> None:
    suite = WebShopLike(products=400)
    asked: dict[str, set[str]] = {}
    for split in ("dev", "test"):
        tasks = [task for seed in range(5) for task in suite.tasks(split, seed=seed)]
        asked[split] = {task.question for task in tasks}
        assert len(asked[split]) > 0.98 * len(tasks), "another seed asks other questions"
        assert 700 < len(tasks) < 1_300, "about half the products of five shops"
    assert not asked["dev"] & asked["test"]
    dev, test = (invented(split, 0, 400).catalogue.products for split in ("dev", "test"))
    assert not dev.keys() & test.keys()


def test_a_thousand_products_of_all_kinds() -> None:
    products = list(make_catalogue("dev", 0, 1_000).products.values())
    assert len(products) == 1_000
    for department in DEPARTMENTS:
        for kind in department.kinds:
            of_kind = [p for p in products if p.query == kind.query]
            assert len(of_kind) == 25
            lowest, highest = kind.prices
            assert all(lowest <= p.price <= highest for p in of_kind)
            assert all(set(p.options) == set(kind.options) for p in of_kind)
    brand = re.compile(f"({'|'.join(BRAND_STARTS)})({'|'.join(BRAND_ENDS)}) ")
    for product in products:
        assert re.fullmatch("B0[0-9A-Z]{8}", product.asin)
        assert brand.match(product.name), "invented"
        assert set(product.wished) <= set(product.attributes)
        told = " ".join([product.name, *product.features, product.description]).lower()
        assert all(attribute in told for attribute in product.attributes)
        assert all(len(values) >= 2 for values in product.options.values())


def test_an_instruction_is_in_webshops_words() -> None:
    """As in: Find me double sided, machine washable decorative pillows with printing technology
    with size: 28" x 28", and price lower than 30.00 dollars.
    """
    form = re.compile(
        r"Find me [\w, ]+ [\w'\- ]+( with [\w, ]+)?( for [\w, ]+)?"
        r" with [\w ]+: [\w .-]+(, and [\w ]+: [\w .-]+)*, and price lower than \d+0\.00 dollars"
    )
    for goal in invented("test", 1, 1_000).goals.values():
        assert form.fullmatch(goal.instruction), goal.instruction
        assert all(attribute in goal.instruction for attribute in goal.attributes)
        assert goal.product.price < goal.price_upper <= goal.product.price + 40
        assert goal.product.name.split()[0] not in goal.instruction, "the brand is not told"
