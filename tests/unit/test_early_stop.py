"""When a thought has gone on for long enough."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.thinking.early_stop import Convergence, Repetition

SENTENCE = "We add the four apples to the three pears and get seven fruits. "
STEPS = "".join(
    f"Step {i}: from {i} and {i * i} we get {i + i * i} by adding the two.\n" for i in range(60)
)


def stops_at(text: str, pieces: list[int]) -> int | None:
    """Where, fed piece by piece."""
    subject = Repetition()
    end = 0
    for piece in pieces:
        end += piece
        if subject(text[:end]):
            return end
    return None


def cut(text: str, seed: int) -> list[int]:
    dice = random.Random(seed)
    return [dice.randint(1, 9) for _ in range(len(text))]


def test_a_sentence_said_three_times_is_repetition() -> None:
    assert not Repetition()(SENTENCE * 2)
    assert Repetition()(SENTENCE * 3)


def test_a_loop_with_other_words_between_is_found() -> None:
    assert Repetition()(f"{SENTENCE} Wait. {SENTENCE} Hmm, again: {SENTENCE} So")


def test_steps_that_resemble_each_other_are_no_repetition() -> None:
    assert not Repetition()(STEPS)


@given(st.integers(0, 10_000))
def test_how_the_text_is_cut_into_pieces_does_not_matter(seed: int) -> None:
    text = f"{STEPS[:200]}{SENTENCE * 5}"
    found = stops_at(text, cut(text, seed))
    words = f"{STEPS[:200]}{SENTENCE * 3}".split()
    assert found is not None
    third = len(" ".join(words)) - 3
    assert third - 60 <= found <= third + 20


@pytest.mark.slow
@given(st.text(alphabet="ab \n", max_size=400), st.integers(0, 100))
def test_it_agrees_with_counting_windows(text: str, seed: int) -> None:
    subject = Repetition()
    end = 0
    for piece in cut(text, seed):
        end += piece
        told = subject(text[:end])
        shown = text[:end]
        whole = shown[: max((i for i, c in enumerate(shown, 1) if c.isspace()), default=0)].split()
        windows = [tuple(whole[i : i + 12]) for i in range(len(whole) - 11)]
        assert told == any(windows.count(window) >= 3 for window in windows)
        if end > len(text):
            break


def test_a_call_that_is_made_again_begins_anew() -> None:
    subject = Repetition()
    assert not subject(SENTENCE * 2)
    assert not subject(SENTENCE)
    assert not subject(SENTENCE * 2)
    assert subject(SENTENCE * 3)


@pytest.mark.parametrize(
    ("text", "converged"),
    [
        ("So the answer is 18.\n\nLet me check.\n\nYes, the answer is 18.\n\nWait", True),
        (r"Hence \boxed{18}" "\n\n" r"Again: \boxed{18}." "\n\n", True),
        ("**Answer: 18**\n\nThe answer is 18\n\n", True),
        ("The answer is 18.\n\nThe answer is 18.", False),  # the second may go on
        ("The answer is 18.\n\nNo, the answer is 19.\n\n", False),
        ("The answer is 18.\n\nNo, 19: the answer is 19.\n\nHm, the answer is 18.\n\n", False),
        ("He has 18 eggs.\n\nHe has 18 eggs.\n\n", False),
        ("The answer is the sum of 2 and 3.\n\nThe answer is the sum of 2 and 4.\n\n", False),
        ("", False),
    ],
)
def test_two_thoughts_in_a_row_with_the_same_answer(text: str, converged: bool) -> None:
    assert Convergence()(text) == converged
