"""One visit to a shop: WebShop's text environment, without its web server.

The transitions are those of the official environment, checked on its recordings. Left out are the
debugging queries ``<r>``, ``<a>``, ``<c>`` and ``<q>`` (they are searched as words) and the
Attributes page, which is off by default there too.
"""

from __future__ import annotations

import re
from typing import Literal

from lean_agent_evals.suites.webshop_like.catalogue import Catalogue
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.product import Product
from lean_agent_evals.suites.webshop_like.reward import Reward, reward

__all__ = ["BUY", "NEXT", "PER_PAGE", "Page", "Session"]

Page = Literal["search", "results", "item", "subpage", "done"]

NEXT, BUY = "next >", "buy now"
_BACK, _PREV = "back to search", "< prev"
_SUBPAGES = ("description", "features", "reviews")
PER_PAGE = 10
_MAX_STEPS = 50
_ACTION = re.compile(r"(search|click)\[(.+)\]", re.DOTALL)


class Session:
    """A shopper's state.

    ``results`` are all that the last search found, ``number`` which page of ten of them is shown,
    from 1. ``options`` are the values chosen for ``product``. ``bought`` is None until a purchase.
    """

    def __init__(self, catalogue: Catalogue, goal: Goal, *, max_steps: int = _MAX_STEPS) -> None:
        self.goal = goal
        self._catalogue = catalogue
        self._max_steps = max_steps
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.steps = 0
        self.bought: Reward | None = None
        self._to_search()

    @property
    def done(self) -> bool:
        """The visit has ended, with a purchase or after as many steps as are allowed."""
        return self.bought is not None or self.steps >= self._max_steps

    @property
    def reward(self) -> float:
        """From 0 to 1; 0 until a purchase."""
        return self.bought.value if self.bought else 0.0

    @property
    def shown(self) -> list[Product]:
        """The results on the page."""
        return self.results[(self.number - 1) * PER_PAGE : self.number * PER_PAGE]

    @property
    def pages(self) -> int:
        """How many pages the results fill."""
        return -(-len(self.results) // PER_PAGE)

    @property
    def buttons(self) -> list[str]:
        """What can be clicked beside products and options, in lower case."""
        if self.page == "results":
            before, after = self.number > 1, self.number < self.pages
            return [_BACK, *[_PREV] * before, *[NEXT] * after]
        if self.page == "item":
            return [_BACK, _PREV, *_SUBPAGES, BUY]
        return [_BACK, _PREV] if self.page == "subpage" else []

    @property
    def clickables(self) -> list[str]:
        """All that can be clicked, in lower case."""
        if self.page == "results":
            return [*self.buttons, *(product.asin.lower() for product in self.shown)]
        if self.page == "item":
            return list(dict.fromkeys([*self.buttons, *self._values]))
        return self.buttons

    def step(self, action: str) -> None:
        """``search[words]`` or ``click[target]``; anything else counts as a step and does nothing.
        Once done, nothing changes any more.
        """
        match = _ACTION.fullmatch(action)
        name, argument = match.groups() if match else ("click", "")
        if name == "search":
            self.search(argument)
        else:
            self.click(argument)

    def search(self, query: str) -> None:
        """Show the first results, from whatever page."""
        if self.done:
            return
        self.steps += 1
        self.results = self._catalogue.search(query)
        self._to_results(1)

    def click(self, target: str) -> bool:
        """Follow what is clicked, in upper or lower case; False if the page does not have it."""
        if self.done:
            return False
        self.steps += 1
        target = target.lower()
        if target not in self.clickables:
            return False
        if self.page == "results":
            self._click_results(target)
        elif self.page == "item" and self.product:
            self._click_item(self.product, target)
        elif target == _PREV:
            self.page = "item"
        else:
            self._to_search()
        return True

    def _click_results(self, target: str) -> None:
        if target == _BACK:
            self._to_search()
        elif target in {_PREV, NEXT}:
            self._to_results(self.number + (1 if target == NEXT else -1))
        else:
            self.page = "item"
            self.product = next(p for p in self.shown if p.asin.lower() == target)

    def _click_item(self, product: Product, target: str) -> None:
        if target == BUY:
            self.bought = reward(product, self.options, self.goal)
            self.page = "done"
        elif target == _BACK:
            self._to_search()
        elif target == _PREV:
            self._to_results(self.number)
        elif target in _SUBPAGES:
            self.page, self.subpage = "subpage", target
        else:
            self.options[self._values[target]] = target

    @property
    def _values(self) -> dict[str, str]:
        """The option that each value belongs to; the last, if two have the same value."""
        if self.product is None:
            return {}
        options = self.product.options.items()
        return {value: name for name, values in options for value in values if value}

    def _to_search(self) -> None:
        self.results: list[Product] = []
        self._to_results(1)
        self.page = "search"

    def _to_results(self, number: int) -> None:
        self.page: Page = "results"
        self.number = number
        self.product: Product | None = None
        self.subpage = ""
        self.options: dict[str, str] = {}
