"""What shoppers without a model get in the webshop-like suite: the scale for what a model gets.

    python bench/webshop_shoppers.py [--goals N] [--data FOLDER]

Prints the mean reward over the first N goals of the development split, its standard error, and how
often the reward was 1, in the invented shop of seed 0, and in WebShop's own if its files are given.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from pathlib import Path

from lean_agent_evals.suites.webshop_like.contents import Contents, invented, official
from lean_agent_evals.suites.webshop_like.goal import Goal
from lean_agent_evals.suites.webshop_like.oracle import oracle
from lean_agent_evals.suites.webshop_like.session import Session
from lean_agent_evals.suites.webshop_like.shoppers import (
    Shopper,
    do_nothing,
    follow,
    random_shopper,
    shop,
)

PRODUCTS = 1_000


def tell(name: str, contents: Contents, goals: int) -> None:
    rolling = random_shopper(0)
    shoppers: dict[str, Callable[[Goal], Shopper]] = {
        "does nothing": lambda _: do_nothing,
        "random": lambda _: rolling,
        "oracle": lambda goal: follow(oracle(goal, contents.catalogue)),
    }
    chosen = list(itertools.islice(contents.goals.values(), goals))
    print(f"{name}: {len(contents.catalogue.products)} products, {len(chosen)} goals")
    for who, shopper in shoppers.items():
        got = [shop(Session(contents.catalogue, goal), shopper(goal)) for goal in chosen]
        error = statistics.stdev(got) / len(got) ** 0.5
        print(
            f"  {who:<13} mean reward {statistics.mean(got):.3f} +- {error:.3f}, "
            f"1.0 in {sum(value == 1.0 for value in got) / len(got):.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", type=int, default=1_000)
    parser.add_argument("--data", type=Path, help="a folder with WebShop's files")
    given = parser.parse_args()
    tell("invented", invented("dev", 0, PRODUCTS), given.goals)
    if given.data:
        tell("official", official("dev", given.data, "synthetic"), given.goals)


if __name__ == "__main__":
    main()
