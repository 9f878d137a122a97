"""Shoppers without a model, by which the suite and its figures are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.webshop_like.session import Session

__all__ = ["Shopper", "do_nothing", "follow", "random_shopper", "shop"]

Shopper = Callable[[Session], str | None]
"""What to do next; None leaves the shop."""

_QUERY_WORDS = 4


def shop(session: Session, shopper: Shopper) -> float:
    """The reward of a whole visit."""
    session.reset()
    while not session.done and (action := shopper(session)):
        session.step(action)
    return session.reward


def do_nothing(session: Session) -> str | None:
    """Leave at once."""
    del session
    return None


def follow(actions: Iterable[str]) -> Shopper:
    """One action after the other, whatever the pages say."""
    left = iter(actions)
    return lambda _: next(left, None)


def random_shopper(seed: int) -> Shopper:
    """Search for some words of the instruction, then click anything, each as likely as another."""
    dice = Dice("random shopper", seed)

    def act(session: Session) -> str:
        if session.page != "search":
            return f"click[{dice.pick(session.clickables)}]"
        words = session.goal.instruction.split()
        return f"search[{' '.join(dice.sample(words, min(_QUERY_WORDS, len(words))))}]"

    return act
