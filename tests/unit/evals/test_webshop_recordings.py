"""Against recordings of the official environment: rewards, pages, goals and the oracle."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.official import load_official
from lean_agent_evals.suites.webshop_like.oracle import oracle
from lean_agent_evals.suites.webshop_like.session import Session
from lean_agent_evals.suites.webshop_like.shoppers import follow, shop

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = DATA / "webshop"
Shops = dict[str, tuple[Catalogue, list[Goal]]]

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no WebShop sample in {FOLDER}: set LEAN_AGENT_TEST_DATA"
)


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def shops() -> Shops:
    return {
        "synthetic": load_official(FOLDER, "synthetic"),
        "human": load_official(FOLDER, "human"),
    }


@pytest.fixture(scope="module")
def visits() -> list[Any]:
    found = lines("reference_rollouts_dev.jsonl")
    assert len(found) == 207
    return found


def opened(shops: Shops, visit: Any) -> Session:
    catalogue, goals = shops[visit["goal_set"]]
    goal = goals[int(visit["goal_idx"])]
    assert goal.instruction == visit["goal"]["instruction_text"]
    return Session(catalogue, goal)


def official_text(session: Session) -> str:
    """The page in the words of the original's "text" mode; its last one is not rebuilt."""
    parts = ["Instruction:", session.goal.instruction, "Back to Search"]
    parts += ["< Prev"] * (session.number > 1 or session.page != "results")
    if session.page == "results":
        parts.insert(3, f"Page {session.number} (Total results: {len(session.results)})")
        parts += ["Next >"] * (session.number < session.pages)
        for found in session.shown:
            parts += [found.asin, found.name, found.price_tag]
    product = session.product
    if product and session.page == "subpage":
        parts += [product.description] * bool(product.description)
    elif product:
        for name, values in product.options.items():
            parts += [name, *values]
        parts += [product.name, f"Price: {product.price_tag}", "Rating: N.A."]
        parts += ["Description", "Features", "Reviews", "Buy Now"]
    return " [SEP] ".join(part.strip() for part in parts)


@pytest.mark.slow
def test_every_reward_is_the_recorded_one(shops: Shops, visits: list[Any]) -> None:
    for visit in visits:
        session = opened(shops, visit)
        for action, recorded in zip(visit["actions"], visit["trace"], strict=True):
            session.step(action)
            assert (session.reward, session.done) == (recorded["reward"], recorded["done"])
        assert session.reward == visit["reward"]
        assert session.product
        assert session.product.asin == visit["purchased_asin"]
        assert session.options == visit["purchased_options"]


def test_every_part_of_the_reward_is_the_recorded_one(shops: Shops, visits: list[Any]) -> None:
    for visit in visits:
        session = opened(shops, visit)
        value = shop(session, follow(visit["actions"]))
        reward = session.bought
        assert reward
        assert reward.value == value
        recorded = visit["verbose"]
        assert reward.type == recorded["r_type"]
        assert reward.price == recorded["r_price"]
        assert reward.attributes / reward.attributes_wanted == recorded["r_att"]
        assert (reward.query_match, reward.category_match) == (
            recorded["query_match"],
            recorded["category_match"],
        )
        assert ("r_option" in recorded) == (reward.options_wanted > 0)
        if reward.options_wanted:
            assert reward.options / reward.options_wanted == recorded["r_option"]


def test_every_page_is_the_recorded_one(shops: Shops, visits: list[Any]) -> None:
    """By its hash, and so with the same products in the same order."""
    compared = 0
    for visit in visits:
        session = opened(shops, visit)
        for action, recorded in zip(visit["actions"], visit["trace"], strict=True):
            session.step(action)
            if session.page != "done":
                digest = hashlib.sha1(official_text(session).encode()).hexdigest()
                assert digest == recorded["obs_sha1"], (action, official_text(session))
                compared += 1
    assert compared == 681


def test_the_oracle_does_what_the_recorded_one_did(shops: Shops, visits: list[Any]) -> None:
    for visit in visits:
        if visit["policy"] == "oracle":
            catalogue, goals = shops[visit["goal_set"]]
            goal = goals[int(visit["goal_idx"])]
            assert oracle(goal, catalogue) == visit["actions"]


@pytest.mark.parametrize(
    ("source", "name", "count"),
    [("synthetic", "goals_dev.jsonl", 3_000), ("human", "goals_human.jsonl", 13)],
)
def test_goals_and_prices_are_the_recorded_ones(
    source: str, name: str, count: int, shops: Shops
) -> None:
    recorded = lines(name)
    assert len(recorded) == count
    for goal, other in zip(shops[source][1], recorded, strict=False):
        assert goal.instruction == other["instruction_text"]
        assert goal.product.asin == other["asin"]
        assert list(goal.attributes) == other["attributes"]
        assert goal.price_upper == other["price_upper"]
        options = other["goal_options"]
        assert goal.options == (options if isinstance(options, dict) else tuple(options))
