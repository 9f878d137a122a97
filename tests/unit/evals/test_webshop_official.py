"""Reading WebShop's files: what they say, and what is said when they are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lean_agent import ConfigurationError
from lean_agent_evals.suites.webshop_like import WebShopLike
from lean_agent_evals.suites.webshop_like.official import load_official

Write = Callable[..., Path]


def item(number: int, **given: Any) -> dict[str, Any]:
    return {
        "asin": f"B0{number:08}",
        "category": "garden",
        "query": " Mugs ",
        "product_category": "Home › Mugs",  # noqa: RUF001
        "name": f"Mug {number}",
        "full_description": "",
        "small_description": ["Holds tea."],
        "pricing": "$9.50",
        "customization_options": "",
    } | given


def wish(number: int) -> dict[str, Any]:
    return {
        "attributes": ["lead free", "hand made"],
        "instruction": f"Find me lead free mugs of number {number}",
        "instruction_attributes": ["lead free"],
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writes(items: Any, wishes: Any = None, people: Any = None) -> Path:
        wishes = wishes or {one["asin"]: wish(n) for n, one in enumerate(items)}
        (tmp_path / "items_shuffle_1000.json").write_text(json.dumps(items))
        (tmp_path / "items_ins_v2_1000.json").write_text(json.dumps(wishes))
        if people is not None:
            (tmp_path / "items_human_ins_1000.json").write_text(json.dumps(people))
        return tmp_path

    return writes


def test_products_are_read_as_the_original_reads_them(write: Write) -> None:
    options = {"Color": [{"value": " Red/Blue "}, {"value": "Green"}], "Size": None}
    folder = write(
        [
            item(1, customization_options=options, pricing="$1,299.00"),
            item(2, pricing="", small_description="One line."),
            item(3, pricing="$10.00 - $20.00"),
            item(3, name="given twice"),
            item(4, asin="nan"),
            item(5, asin="B0TOOLONGTOBE"),
        ]
    )
    catalogue, goals = load_official(folder, "synthetic")
    one, two, three = catalogue.products.values()
    assert one.options == {"color": ("red | blue", "green")}
    assert (one.query, one.price, one.price_tag) == ("mugs", 1299.0, "$1299.0")
    assert (two.price, two.price_tag, two.features) == (100.0, "$100.0", ("One line.",))
    assert (10 <= three.price <= 20, three.price_tag, three.name) == (
        True,
        "$10.0 to $20.0",
        "Mug 3",
    )
    assert len(goals) == 4, "one for each combination of options"
    over = next(goal for goal in goals if goal.product is one)
    assert over.price_upper == 1_000_000
    assert "price" not in over.instruction, "no limit is high enough to be said"


def test_human_goals_without_attributes_are_left_out(write: Write) -> None:
    asked = {"instruction_attributes": ["lead free"], "instruction_options": ["red"]}
    people = {
        "B000000001": [
            {"instruction": "i need a mug.", **asked},
            {"instruction": "any mug", **asked, "instruction_attributes": []},
        ]
    }
    _, (goal,) = load_official(write([item(1)], people=people), "human")
    assert goal.instruction.startswith("i need a mug, and price lower than ")
    assert goal.options == ("red",)


def test_the_first_half_is_for_the_test_where_there_is_little(write: Write) -> None:
    suite = WebShopLike(write([item(number) for number in range(7)]))
    dev, test = suite.tasks("dev"), suite.tasks("test")
    assert (len(dev), len(test), suite.name) == (4, 3, "webshop")
    assert {t.data["number"] for t in test} == {0, 1, 2}
    assert not {t.question for t in dev} & {t.question for t in test}
    assert suite.tasks("dev", seed=1) != dev
    assert {t.question for t in suite.tasks("dev", seed=1)} == {t.question for t in dev}


def test_the_first_500_are_for_the_test_where_there_are_many(write: Write) -> None:
    suite = WebShopLike(write([item(number) for number in range(1_200)]))
    assert {t.data["number"] for t in suite.tasks("test")} == set(range(500))
    assert {t.data["number"] for t in suite.tasks("dev")} == set(range(500, 1_200))


def test_the_same_words_are_asked_once(write: Write) -> None:
    items = [item(number, pricing="$995.00") for number in range(8)]
    suite = WebShopLike(write(items, {one["asin"]: wish(0) for one in items}))
    assert (len(suite.tasks("test")), len(suite.tasks("dev"))) == (1, 0)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([{"asin": "B000000001"}], "KeyError 'small_description'"),
        ({"asin": "B000000001"}, "TypeError"),
        ([item(1, pricing="free")], "IndexError"),
        ([item(1, customization_options=["red"])], "AttributeError"),
    ],
)
def test_files_of_another_shape_are_said_to_be(items: Any, said: str, write: Write) -> None:
    folder = write(items, {"B000000001": wish(1)})
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_official(folder, "synthetic")
    assert str(folder) in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"0 files items_shuffle\*\.json"):
        load_official(tmp_path, "synthetic")
    with pytest.raises(ConfigurationError, match=r"0 files items_human_ins\*\.json"):
        load_official(write([item(1)]), "human")


def test_two_files_for_one_are_refused(write: Write) -> None:
    folder = write([item(1)])
    (folder / "items_shuffle.json").write_text("[]")
    with pytest.raises(ConfigurationError, match=r"2 files items_shuffle\*\.json"):
        load_official(folder, "synthetic")


def test_a_file_that_is_cut_off_is_named(write: Write) -> None:
    folder = write([item(1)])
    file = folder / "items_shuffle_1000.json"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ConfigurationError, match=r"items_shuffle_1000\.json cannot be read"):
        load_official(folder, "synthetic")
