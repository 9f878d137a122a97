"""The suites webshop-like, webshop and webshop-human."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lean_agent_evals.splits import take
from lean_agent_evals.suite import Solution
from lean_agent_evals.suites.webshop_like.attempt import ShoppingAttempt
from lean_agent_evals.suites.webshop_like.contents import Contents, invented, official
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.libraries import stems, token_set_ratio
from lean_agent_evals.suites.webshop_like.official import GoalSource
from lean_agent_evals.suites.webshop_like.oracle import oracle
from lean_agent_evals.suites.webshop_like.session import Session
from lean_agent_evals.suites.webshop_like.shoppers import follow, shop
from lean_agent_evals.task import Split, Task

__all__ = ["WebShopLike"]

_PRODUCTS = 1_000


class WebShopLike:
    """Shopping by an instruction, scored by WebShop's reward.

    The shop is an invented one, another for each split and seed, or, given a folder with WebShop's
    own files, the original. ``level`` is how many options are asked for, ``kind`` the department.

    Args:
        folder: Where the official files are; None invents products.
        goals: Official instructions: put together from attributes, or written by people.
        products: How many to invent.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        goals: GoalSource = "synthetic",
        products: int = _PRODUCTS,
    ) -> None:
        self._folder = folder
        self._goals: GoalSource = goals
        self._products = products

    @property
    def name(self) -> str:
        if self._folder:
            return "webshop" if self._goals == "synthetic" else "webshop-human"
        size = "" if self._products == _PRODUCTS else f"-{self._products}"
        return f"webshop-like{size}"

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """About one for every second invented product; of official goals all there are. The seed
        decides their order.

        Raises:
            ConfigurationError: more are asked for than there are, or the official files are not
                there or not what they should be.
        """
        goals = self._contents(split, seed).goals
        tasks = (_task(split, seed, number, goal) for number, goal in goals.items())
        return take(tasks, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[ShoppingAttempt]:
        """Attempts share the shop, which nothing changes, and nothing else.

        Raises:
            ConfigurationError: a library is not installed, or the official files are gone.
        """
        # Said here, and not by a tool to a model that has been paid for.
        stems()
        token_set_ratio()
        yield ShoppingAttempt(self._session(task))

    def solution(self, task: Task) -> Solution:
        """What the official oracle does."""
        calls = [action.partition("[") for action in self._oracle(task)]
        argument = {"search": "query", "click": "target"}
        return Solution(
            calls=tuple((name, {argument[name]: value[:-1]}) for name, _, value in calls),
            answer=self._goal(task).product.asin,
        )

    def best(self, task: Task) -> float:
        """The official oracle's own reward."""
        return shop(self._session(task), follow(self._oracle(task)))

    def _oracle(self, task: Task) -> list[str]:
        return oracle(self._goal(task), self._of(task).catalogue)

    def _session(self, task: Task) -> Session:
        return Session(self._of(task).catalogue, self._goal(task))

    def _goal(self, task: Task) -> Goal:
        return self._of(task).goals[task.data["number"]]

    def _of(self, task: Task) -> Contents:
        return self._contents(task.data["split"], task.data["seed"])

    def _contents(self, split: Split, seed: int) -> Contents:
        if self._folder:
            return official(split, self._folder, self._goals)
        return invented(split, seed, self._products)


def _task(split: Split, seed: int, number: int, goal: Goal) -> Task:
    return Task(
        id=f"{split}-{seed}-{number:04}",
        question=goal.instruction,
        level=len(goal.options),
        kind=goal.product.category,
        needs_tools=True,
        data={"split": split, "seed": seed, "number": number},
    )
