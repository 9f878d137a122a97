"""The suite as the runner sees it: tools, scores, and shoppers that need no model."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.outcomes import result

from lean_agent import Agent, ConfigurationError, Ledger, RunContext, ToolError
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals.check import check_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.webshop_like import WebShopLike
from lean_agent_evals.suites.webshop_like.attempt import ShoppingAttempt
from lean_agent_evals.suites.webshop_like.contents import invented, official
from lean_agent_evals.suites.webshop_like.libraries import stems, token_set_ratio
from lean_agent_evals.suites.webshop_like.oracle import oracle
from lean_agent_evals.suites.webshop_like.session import Session
from lean_agent_evals.suites.webshop_like.shoppers import do_nothing, follow, random_shopper, shop

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = DATA / "webshop"
needs_sample = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no WebShop sample in {FOLDER}: set LEAN_AGENT_TEST_DATA"
)

SMALL = WebShopLike(products=120)
CONTEXT = RunContext(run_id="test")


def attempt(suite: WebShopLike = SMALL, number: int = 0) -> ShoppingAttempt:
    with suite.open(suite.tasks("dev")[number]) as opened:
        return opened


async def call(shopping: ShoppingAttempt, name: str, argument: str) -> str:
    (tool,) = (tool for tool in shopping.tools if tool.spec.name == name)
    key = "query" if name == "search" else "target"
    return await tool.call({key: argument}, CONTEXT)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(0, 1)])
async def test_the_suite_is_valid(seeds: tuple[int, ...]) -> None:
    assert isinstance(SMALL, Suite)
    assert await check_suite(SMALL, seeds=seeds) == []


@needs_sample
@pytest.mark.slow
@pytest.mark.parametrize("goals", ["synthetic", "human"])
async def test_the_official_suites_are_valid(goals: str) -> None:
    suite = WebShopLike(FOLDER, goals="human" if goals == "human" else "synthetic")
    assert await check_suite(suite, count=60 if goals == "synthetic" else None) == []


def test_the_oracle_gets_1_in_an_invented_shop() -> None:
    tasks = [task for seed in range(3) for task in SMALL.tasks("test", seed=seed)]
    assert len(tasks) > 100
    assert [SMALL.best(task) for task in tasks] == [1.0] * len(tasks)


@pytest.mark.slow
@needs_sample
def test_the_oracle_does_not_always_get_1_in_the_official_shop() -> None:
    suite = WebShopLike(FOLDER)
    best = [suite.best(task) for task in suite.tasks("test")]
    assert len(best) == 500
    assert statistics.mean(best) == pytest.approx(0.99375, abs=1e-5)
    assert sum(value == 1.0 for value in best) == 480


def test_who_does_nothing_gets_nothing() -> None:
    for goal in invented("dev", 0, 120).goals.values():
        assert shop(Session(invented("dev", 0, 120).catalogue, goal), do_nothing) == 0.0
    score = attempt().score(result("I bought the best one."))
    assert (score.value, score.passed, score.detail) == (0.0, False, "bought nothing")


@pytest.mark.slow
def test_random_shopping_in_an_invented_shop_is_worth_little() -> None:
    contents = invented("dev", 0, 1_000)
    shopper = random_shopper(0)
    found = [shop(Session(contents.catalogue, goal), shopper) for goal in contents.goals.values()]
    error = statistics.stdev(found) / len(found) ** 0.5
    assert 0.2 < statistics.mean(found) < 0.4
    assert error < 0.02


@pytest.mark.slow
@needs_sample
def test_random_shopping_in_the_official_shop_is_worth_little() -> None:
    contents = official("dev", FOLDER, "synthetic")
    shopper = random_shopper(0)
    goals = list(contents.goals.values())[:1_000]
    found = [shop(Session(contents.catalogue, goal), shopper) for goal in goals]
    error = statistics.stdev(found) / len(found) ** 0.5
    assert all(0.0 <= value <= 1.0 for value in found)
    assert 0.05 < statistics.mean(found) < 0.2
    assert error < 0.01


async def test_a_visit_by_the_tools() -> None:
    suite = SMALL
    task = next(task for task in suite.tasks("dev") if task.level == 2)
    shopping = attempt(suite, list(suite.tasks("dev")).index(task))
    goal = invented("dev", 0, 120).goals[task.data["number"]]
    page = await call(shopping, "search", goal.product.name)
    assert page.startswith("Page 1 of ")
    assert f"[{goal.product.asin}] {goal.product.name} {goal.product.price_tag}" in page
    page = await call(shopping, "click", f" [{goal.product.asin}] ")
    assert f"Price: {goal.product.price_tag}" in page
    assert isinstance(goal.options, Mapping)
    first, second = goal.options.items()
    assert await call(shopping, "click", first[1].upper()) == (
        f"Chosen: {' '.join(first)}. Not chosen: {second[0]}."
    )
    assert goal.product.features[0] in await call(shopping, "click", "Features")
    assert f"Chosen: {' '.join(first)}. Not" in await call(shopping, "click", "< Prev")
    await call(shopping, "click", second[1])
    assert await call(shopping, "click", "Buy Now") == (
        f"Bought {goal.product.asin}. The visit is over."
    )
    score = shopping.score(result("whatever is said"))
    assert (score.value, score.passed) == (1.0, True)


async def test_a_whole_line_that_was_copied_clicks_what_stands_in_its_brackets() -> None:
    shopping = attempt()
    goal = next(iter(invented("dev", 0, 120).goals.values()))
    page = await call(shopping, "search", goal.product.name)
    line = next(line for line in page.splitlines() if line.startswith(f"[{goal.product.asin}]"))
    assert line.endswith(goal.product.price_tag)
    assert f"Price: {goal.product.price_tag}" in await call(shopping, "click", line)


async def test_what_is_not_on_the_page_is_said_and_changes_nothing() -> None:
    shopping = attempt()
    with pytest.raises(ToolError, match="nothing to click, only the search"):
        await call(shopping, "click", "buy now")
    page = await call(shopping, "search", "notice")
    await call(shopping, "search", "blanket")
    with pytest.raises(ToolError, match=r"no 'buy now' on this page; there is: back to search"):
        await call(shopping, "click", "buy now")
    assert await call(shopping, "search", "notice") == page


async def test_a_wrong_purchase_scores_its_reward_and_does_not_pass() -> None:
    shopping = attempt()
    page = await call(shopping, "search", "serum hoodie blanket")
    await call(shopping, "click", page.split("[")[1].split("]")[0])
    await call(shopping, "click", "buy now")
    score = shopping.score(result("done"))
    assert 0.0 <= score.value < 1.0
    assert not score.passed
    assert score.detail.startswith("attributes ")


async def test_two_attempts_at_one_task_share_nothing() -> None:
    one, other = attempt(), attempt()
    page = await call(one, "search", "notice")
    await call(one, "click", page.split("[")[1].split("]")[0])
    await call(one, "click", "buy now")
    with pytest.raises(ToolError):
        await call(other, "click", "buy now")
    assert other.score(result("done")).detail == "bought nothing"


def test_pages_take_little_of_a_small_models_time() -> None:
    """60 tokens of prompt a second, 3 to 4 characters a token."""
    for tool in attempt().tools:
        assert tool.spec.max_output_chars <= 2_400
        assert len(json.dumps(dict(tool.spec.parameters))) < 250


def test_the_tools_own_up_to_moving_the_shopper() -> None:
    for tool in attempt().tools:
        assert (tool.spec.side_effects, tool.spec.concurrency_safe) == (True, False)


async def test_the_same_click_twice_is_two_clicks(tmp_path: Path) -> None:
    """The run's memory of earlier calls must not answer for the shop."""
    shopping = attempt()
    script = [
        json.dumps({"tool": name, "arguments": arguments})
        for name, arguments in (
            ("search", {"query": "notice"}),
            ("click", {"target": "next >"}),
            ("click", {"target": "next >"}),
            ("search", {"query": "notice"}),
        )
    ]
    model = ScriptedModel(
        [*script, '{"tool":"answer"}', "done"],
        card=ModelCard(action_format="schema", self_hosted=True),
    )
    agent = Agent(model=model, ledger=Ledger(tmp_path), tools=shopping.tools, allow=["*"])
    run = await agent.run("Look around.", mode="agent")
    pages = [step.observation.splitlines()[0] for step in run.trajectory]
    assert pages == ["Page 1 of 5", "Page 2 of 5", "Page 3 of 5", "Page 1 of 5"]
    assert not any(step.served for step in run.trajectory)


@pytest.mark.parametrize(("module", "named"), [("Stemmer", "PyStemmer"), ("thefuzz", "thefuzz")])
def test_a_missing_library_is_named_before_anything_is_paid_for(
    module: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems.cache_clear()
    token_set_ratio.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=f"{named} is not installed") as caught:
        attempt()
    assert caught.value.hint == 'pip install "lean-agent[evals]"'


def test_an_oracle_that_does_not_find_its_product_leaves() -> None:
    """In a shop where more than fifty products fit the words better."""
    contents = invented("dev", 0, 120)
    goal = next(iter(contents.goals.values()))
    lost = replace(goal, product=replace(goal.product, asin="B0NOWHERE0"))
    actions = oracle(lost, contents.catalogue)
    assert [action.partition("[")[0] for action in actions] == ["search"]
    assert shop(Session(contents.catalogue, lost), follow(actions)) == 0.0
