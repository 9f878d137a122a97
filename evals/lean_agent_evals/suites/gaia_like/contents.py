"""A world's encyclopedia and the questions on it: the same for the same split and seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.documents import FORMATS
from lean_agent_evals.suites.gaia_like.draft import Draft
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.files import file_hop_questions, file_questions
from lean_agent_evals.suites.gaia_like.hops import hop_questions
from lean_agent_evals.suites.gaia_like.making import make_world
from lean_agent_evals.suites.gaia_like.pages import write_pages
from lean_agent_evals.suites.gaia_like.plain import (
    common_knowledge,
    given_words,
    mental_arithmetic,
)
from lean_agent_evals.suites.gaia_like.reverse_union import reverse_union_questions
from lean_agent_evals.suites.gaia_like.sums import (
    arithmetic_questions,
    date_questions,
    deep_arithmetic,
    deep_dates,
)
from lean_agent_evals.suites.gaia_like.tables import basic_questions, union_questions
from lean_agent_evals.task import Split

__all__ = ["ROUNDS", "Contents", "contents"]

_ROUND = (
    *("plain-arithmetic", "plain-knowledge", "plain-words"),
    *("hops-1", "hops-1", "hops-2", "hops-2", "hops-3", "hops-3", "hops-4", "hops-4"),
    *("hops-5", "hops-6"),
    *("arithmetic", "arithmetic-deep", "dates", "dates-deep"),
    *("basic", "basic", "union", "union", "reverse-union", "reverse-union"),
    *(f"file-{file_format}" for file_format in FORMATS),
    "file-hops",
)
"""The kinds of 30 questions."""

ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Contents:
    """``drafts`` are (kind, question)."""

    book: Encyclopedia
    drafts: tuple[tuple[str, Draft], ...]


@lru_cache(maxsize=4)
def contents(split: Split, seed: int, pages: int) -> Contents:
    """Made once in a process, and kept for the last four asked for.

    Raises:
        ConfigurationError: too few pages.
    """
    world = make_world(split, seed, pages)
    book = Encyclopedia(write_pages(world))
    words = world.spare_words

    def dice(kind: str) -> Dice:
        return Dice("gaia-like", split, seed, pages, kind)

    makers: dict[str, Iterator[Draft]] = {
        "plain-arithmetic": mental_arithmetic(split, dice("plain-arithmetic")),
        "plain-knowledge": common_knowledge(split, dice("plain-knowledge")),
        "plain-words": given_words(words, dice("plain-words")),
        "arithmetic": arithmetic_questions(book, dice("arithmetic")),
        "arithmetic-deep": deep_arithmetic(book, dice("arithmetic-deep")),
        "dates": date_questions(book, dice("dates")),
        "dates-deep": deep_dates(book, dice("dates-deep")),
        "basic": basic_questions(book, dice("basic")),
        "union": union_questions(book, dice("union")),
        "reverse-union": reverse_union_questions(book, dice("reverse-union")),
        "file-hops": file_hop_questions(book, words, dice("file-hops")),
    }
    for hops in range(1, 7):
        makers[f"hops-{hops}"] = hop_questions(book, dice(f"hops-{hops}"), hops)
    for name in FORMATS:
        makers[f"file-{name}"] = file_questions(book, words, dice(f"file-{name}"), name)
    return Contents(book, tuple(_drafts(makers, dice("order"))))


def _drafts(makers: dict[str, Iterator[Draft]], dice: Dice) -> Iterator[tuple[str, Draft]]:
    asked: set[str] = set()
    for _ in range(ROUNDS):
        for kind in dice.shuffled(_ROUND):
            draft = next(draft for draft in makers[kind] if draft.question not in asked)
            asked.add(draft.question)
            yield kind, draft
