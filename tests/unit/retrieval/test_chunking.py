from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from lean_agent.retrieval.chunking import MAX_PASSAGE_CHARS, chunks

_TEXT = st.lists(
    st.sampled_from(["word", "another", "end.", "x" * 700, "# Head", " ", "\n", "\n\n", "é", "? "]),
    max_size=200,
).map("".join)


@given(_TEXT)
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    pieces = list(chunks(text))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= MAX_PASSAGE_CHARS for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces)


def test_short_paragraphs_share_a_passage_and_long_ones_are_not_cut_apart() -> None:
    short, long = "A short one.", "b " * 490 + "end."
    assert list(chunks(f"{short}\n\n{short}\n \n\n{long}\n\n{short}")) == [
        f"{short}\n\n{short}",
        f"{long}\n\n{short}",
    ]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentence = "This sentence has forty characters, yes. "
    pieces = list(chunks(sentence * 60))
    assert all(piece.endswith("yes.") for piece in pieces)
    assert len(pieces) == 3


def test_a_long_sentence_is_cut_between_words_and_a_long_word_anywhere() -> None:
    assert all(piece.endswith("word") for piece in chunks("word " * 500))
    assert [len(piece) for piece in chunks("x" * 2_500)] == [1_000, 1_000, 500]


def test_a_heading_goes_with_what_follows_it() -> None:
    first, second = "a" * 900 + ".", "b" * 500 + "."
    assert list(chunks(f"{first}\n\n## Next\n\n{second}")) == [first, f"## Next\n\n{second}"]


def test_time_grows_no_faster_than_the_text() -> None:
    started = time.perf_counter()
    for text in ("x" * 3_000_000, "\n " * 1_000_000, "a. " * 500_000, "# h\n" * 200_000):
        for _ in chunks(text):
            pass
    assert time.perf_counter() - started < 20
