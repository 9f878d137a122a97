"""The environment: what each click does, and that nothing a shopper does can break it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.making import make_catalogue, make_goals
from lean_agent_evals.suites.webshop_like.pages import page_text
from lean_agent_evals.suites.webshop_like.product import Product
from lean_agent_evals.suites.webshop_like.session import Session

CATALOGUE = make_catalogue("dev", 0, 120)
GOALS = make_goals(CATALOGUE, "dev", 0)
WITH_OPTIONS = next(goal for goal in GOALS if len(goal.options) == 2)


def product(number: int, **given: Any) -> Product:
    fields: dict[str, Any] = {
        "asin": f"B0{number:08}",
        "category": "garden",
        "query": "mugs",
        "product_category": "Home › Kitchen › Mugs",  # noqa: RUF001
        "name": f"Lumabrix Mug {number}",
        "description": "",
        "features": ("Holds tea.",),
        "price": 9.5,
        "price_tag": "$9.5",
        "options": {},
        "attributes": ("lead free",),
    }
    return Product(**fields | given)


def session(*products: Product, max_steps: int = 50) -> Session:
    goal = Goal(
        product=products[0],
        instruction="Find me lead free mugs",
        attributes=("lead free",),
        options={},
        price_upper=20.0,
    )
    return Session(Catalogue(products), goal, max_steps=max_steps)


def many(count: int = 23) -> Session:
    subject = session(*(product(number) for number in range(count)))
    subject.step("search[mug]")
    return subject


def asins(subject: Session) -> list[str]:
    return [found.asin for found in subject.shown]


def test_results_come_ten_a_page() -> None:
    subject = many()
    first = asins(subject)
    assert (len(first), subject.buttons) == (10, ["back to search", "next >"])
    subject.step("click[Next >]")
    assert (len(asins(subject)), subject.buttons) == (10, ["back to search", "< prev", "next >"])
    subject.step("click[next >]")
    assert (len(asins(subject)), subject.buttons) == (3, ["back to search", "< prev"])
    subject.step("click[< Prev]")
    subject.step("click[< prev]")
    assert asins(subject) == first


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (10, 1), (11, 2), (50, 5), (60, 5)])
def test_fifty_results_at_most(count: int, pages: int) -> None:
    subject = many(count)
    assert (len(subject.results), subject.pages) == (min(count, 50), pages)


def test_back_from_a_product_leads_to_its_page_of_results() -> None:
    subject = many()
    subject.step("click[next >]")
    before = asins(subject)
    subject.step(f"click[{before[4].lower()}]")
    assert subject.product
    assert subject.product.asin == before[4]
    subject.step("click[< prev]")
    assert (subject.page, asins(subject), subject.product) == ("results", before, None)


@pytest.mark.parametrize("name", ["Description", "features", "REVIEWS"])
def test_a_subpage_leads_back_with_the_options_kept(name: str) -> None:
    subject = session(product(0, options={"color": ("red", "blue")}))
    for action in ("search[mug]", "click[b000000000]", "click[red]", f"click[{name}]"):
        subject.step(action)
    assert (subject.page, subject.buttons) == ("subpage", ["back to search", "< prev"])
    subject.step("click[< prev]")
    assert (subject.page, subject.options) == ("item", {"color": "red"})


def test_going_back_to_the_results_drops_the_options() -> None:
    subject = session(product(0, options={"color": ("red", "blue")}))
    for action in ("search[mug]", "click[b000000000]", "click[red]", "click[< prev]"):
        subject.step(action)
    subject.step("click[b000000000]")
    assert subject.options == {}


def test_a_later_value_replaces_an_earlier_one_and_two_options_stand_side_by_side() -> None:
    subject = session(product(0, options={"color": ("red", "blue"), "size": ("big", "red")}))
    for value in ("search[mug]", "click[b000000000]", "click[blue]", "click[big]"):
        subject.step(value)
    assert subject.options == {"color": "blue", "size": "big"}
    subject.step("click[red]")
    assert subject.options == {"color": "blue", "size": "red"}, "the last option of that value"


def test_buttons_win_over_options_of_the_same_name() -> None:
    subject = session(product(0, options={"style": ("buy now", "features", "")}))
    for action in ("search[mug]", "click[b000000000]", "click[features]"):
        subject.step(action)
    assert (subject.page, subject.options) == ("subpage", {})
    assert "" not in subject.clickables


def test_a_purchase_ends_the_visit_with_its_reward() -> None:
    subject = many()
    subject.step(f"click[{asins(subject)[0]}]")
    assert (subject.done, subject.reward) == (False, 0.0)
    subject.step("click[Buy Now]")
    assert (subject.done, subject.reward, subject.page) == (True, 1.0, "done")
    steps = subject.steps
    subject.step("search[mug]")
    subject.step("click[back to search]")
    assert (subject.reward, subject.page, subject.steps) == (1.0, "done", steps)


def test_too_many_steps_end_it_with_nothing() -> None:
    subject = session(product(0), max_steps=3)
    for action in ("search[mug]", "click[nothing of the kind]", "click[b000000000]"):
        assert not subject.done
        subject.step(action)
    assert (subject.done, subject.reward, subject.bought) == (True, 0.0, None)
    subject.step("click[buy now]")
    assert subject.bought is None
    assert page_text(subject) == "The visit is over: too many steps."


@pytest.mark.parametrize("action", ["", "search", "search[]", "buy[x]", "click[]", "click[Search]"])
def test_what_is_no_action_is_a_step_and_nothing_else(action: str) -> None:
    subject = many()
    before = asins(subject)
    subject.step(action)
    assert (subject.page, asins(subject), subject.steps) == ("results", before, 2)


def test_nothing_found_is_a_page_too() -> None:
    subject = session(product(0))
    subject.step("search[zebra]")
    assert (subject.page, subject.clickables) == ("results", ["back to search"])
    assert page_text(subject) == "No products found.\n[back to search]"


def state(subject: Session) -> dict[str, Any]:
    return copy.deepcopy(
        {k: v for k, v in vars(subject).items() if k not in {"_catalogue", "goal"}}
    )


CHOICES = st.one_of(
    st.text().map(lambda text: f"search[{text}]"),
    st.sampled_from(["mug", "free blankets", "with color"]).map(lambda text: f"search[{text}]"),
    st.text().map(lambda text: f"click[{text}]"),
    st.text(),
    st.integers(0, 40),
)
"""An integer clicks that of the things that can be clicked."""


@pytest.mark.slow
@given(st.sampled_from(GOALS), st.lists(CHOICES, max_size=30))
@settings(max_examples=150, deadline=None)
def test_whatever_is_done_nothing_breaks(goal: Goal, choices: list[str | int]) -> None:
    subject = Session(CATALOGUE, goal, max_steps=25)
    fresh = state(subject)
    for choice in choices:
        if isinstance(choice, int):
            clickables = subject.clickables or ["nothing"]
            choice = f"click[{clickables[choice % len(clickables)]}]"
        over = subject.done
        before = state(subject)
        subject.step(choice)
        assert 0.0 <= subject.reward <= 1.0
        assert subject.reward == 0.0 or subject.page == "done"
        assert subject.steps <= 25
        assert len(page_text(subject)) < 2_400
        assert not over or state(subject) == before
    subject.reset()
    assert state(subject) == fresh


@given(st.lists(st.integers(0, 40), max_size=15))
@settings(max_examples=50, deadline=None)
def test_two_visits_share_nothing(clicks: list[int]) -> None:
    one, other = (Session(CATALOGUE, WITH_OPTIONS) for _ in range(2))
    untouched = state(other)
    one.step("search[throw blankets]")
    for click in clicks:
        one.step(f"click[{(one.clickables or [''])[click % max(1, len(one.clickables))]}]")
    assert state(other) == untouched
