from __future__ import annotations

import pytest

from lean_agent.gating.words import names


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ("What is the capital of Australia?", ["Australia"]),
        ("Who painted the Mona Lisa? Give the name.", ["Mona", "Lisa"]),
        ("Where is order INV2231 of Acme?", ["INV2231", "Acme"]),
        ("Sort these: Zoe, Adam.", ["Adam"]),
        ("What is 82 plus 41?", []),
        ("Summarise the introduction. Then translate it.", []),
        ("", []),
    ],
)
def test_names_are_capitals_inside_a_sentence_and_letters_mixed_with_digits(
    task: str, found: list[str]
) -> None:
    assert names(task) == found
