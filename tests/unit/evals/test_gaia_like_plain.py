from __future__ import annotations

import re
from itertools import islice
from operator import add, mul, sub

import pytest

from lean_agent_evals.scoring import matches
from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.plain import (
    common_knowledge,
    given_words,
    mental_arithmetic,
)
from lean_agent_evals.task import Split

WORDS = ["Bromas", "Delvin", "Fargol", "Gandor", "Hastil", "Jorvek", "Kelmot", "Lundis"]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_sums_in_the_head_are_right(split: Split) -> None:
    forms = {
        r"What is (\d+) plus (\d+)\?": add,
        r"What is (\d+) minus (\d+)\?": sub,
        r"There are (\d+) lamps in a crate. How many are in (\d+) crates\?": mul,
    }
    seen = dict.fromkeys(forms, 0)
    for draft in islice(mental_arithmetic(split, Dice("sums")), 200):
        for form, operator in forms.items():
            if found := re.fullmatch(form, draft.question):
                seen[form] += 1
                result = operator(int(found[1]), int(found[2]))
                assert draft.answers == (str(result),)
                assert 0 < result < 1_000
    assert sum(seen.values()) == 200
    assert min(seen.values()) > 40


def test_what_is_done_to_given_words_is_right() -> None:
    seen = dict.fromkeys(["Put", "Write", "Which"], 0)
    for draft in islice(given_words(WORDS, Dice("words")), 100):
        task, _, listed = draft.question.rstrip(".").replace("?", ":").partition(": ")
        words = listed.split(", ")
        verb = task.split()[0]
        right = {
            "Put": ", ".join(sorted(words)),
            "Write": ", ".join(reversed(words)),
            "Which": "".join(word[0] for word in words),
        }[verb]
        assert draft.answers == (right,)
        seen[verb] += 1
    assert min(seen.values()) > 15


def test_common_knowledge_is_asked_once_and_has_short_answers() -> None:
    drafts = [d for split in ("dev", "test") for d in common_knowledge(split, Dice("known"))]
    assert len({draft.question for draft in drafts}) == len(drafts) == 40
    assert all(not draft.calls and len(draft.answers[0]) < 20 for draft in drafts)
    by_question = {draft.question: draft.answers for draft in drafts}
    symbol = by_question["What is the chemical symbol of gold?"]
    assert any(matches("au", gold) for gold in symbol)
