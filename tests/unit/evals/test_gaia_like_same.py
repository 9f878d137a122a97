"""The same seed gives the same bytes, and the two splits share nothing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import islice

import pytest

from lean_agent_evals.suites.gaia_like import GaiaLike
from lean_agent_evals.suites.gaia_like.contents import contents
from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.names import first_consonants
from lean_agent_evals.suites.gaia_like.plain import common_knowledge, mental_arithmetic
from lean_agent_evals.task import Split

SMALL = 300
DIGEST = "8b369862d2b4c729878329a6fb9f0b4d83ff28b6249d097c212581c916fed58c"
"""Results of before and after a change of this are no longer of the same test."""


def digest() -> str:
    """Of everything that an agent could be asked or shown, and of the answers."""
    made = contents("dev", 0, SMALL)
    texts = [text for title in made.book.pages for text in (title, *made.book.parts(title))]
    return hashlib.sha256(repr((texts, made.drafts)).encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_with_other_hashes_gives_the_same_bytes(hash_seed: str) -> None:
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
    whole = GaiaLike(pages=SMALL).tasks("dev", seed=3)
    contents.cache_clear()
    assert GaiaLike(pages=SMALL).tasks("dev", seed=3) == whole
    assert GaiaLike(pages=SMALL).tasks("dev", seed=3, count=7) == whole[:7]


@pytest.mark.parametrize("seed", range(3))
def test_seeds_and_splits_give_other_questions(seed: int) -> None:
    suite = GaiaLike(pages=SMALL)
    asked = {
        (split, number): {task.question for task in suite.tasks(split, seed=number)}
        for split in ("dev", "test")
        for number in (seed, seed + 1)
    }
    assert asked["dev", seed].isdisjoint(asked["test", seed] | asked["test", seed + 1])
    # Within a split only common knowledge and sums in the head may come again.
    assert len(asked["dev", seed] & asked["dev", seed + 1]) < 20


@pytest.mark.parametrize("split", ["dev", "test"])
def test_every_question_that_needs_tools_names_something_of_its_split(split: Split) -> None:
    """So that no two splits can ask the same, whatever the seeds: the names begin differently."""
    made = contents(split, 5, SMALL)
    begins = {first_consonants(page.title.split()[-1]) for page in made.book.pages.values()}
    for kind, draft in made.drafts:
        if draft.calls or kind == "plain-words":
            names = [word for word in draft.question.split() if word[0].isupper() and len(word) > 5]
            assert any(first_consonants(name) in begins for name in names), draft.question


def questions(split: Split) -> set[str]:
    """All that could ever be asked without a name, but for one in very many."""
    found = {draft.question for draft in common_knowledge(split, Dice("all"))}
    for seed in range(20):
        sums = islice(mental_arithmetic(split, Dice(split, seed)), 500)
        found |= {draft.question for draft in sums}
    return found


def test_questions_without_names_are_parted_too() -> None:
    assert questions("dev").isdisjoint(questions("test"))
    assert len(questions("dev")) > 4_000
