"""What a Markdown file's title is, and how long it takes to find."""

from __future__ import annotations

import time
from pathlib import PurePath

import pytest

from lean_agent.retrieval.documents import read_documents


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# Whales", "Whales"),
        ("#   Whales  of the sea  ", "Whales of the sea"),
        ("# Whales ##", "Whales"),
        ("# C#", "C"),
        ("# #", "#"),
        ("#Whales", "notes"),
        ("#  ", "notes"),
    ],
)
def test_the_first_heading_is_the_title(line: str, title: str) -> None:
    (found,) = read_documents(PurePath("notes.md"), f"{line}\ntext")
    assert " ".join(found.title.split()) == title


def test_a_heading_of_blanks_is_read_in_no_time() -> None:
    began = time.process_time()
    read_documents(PurePath("notes.md"), f"# a{' ' * 20_000}b\ntext")
    assert time.process_time() - began < 1
