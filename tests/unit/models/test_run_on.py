from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.models.run_on import RunOnGuard


def stops_after(text: str, piece: int = 4) -> int | None:
    """Characters fed when the guard first says stop."""
    guard = RunOnGuard()
    for start in range(0, len(text), piece):
        if guard.feed(text[start : start + piece]):
            return start + piece
    return None


@pytest.mark.parametrize(
    "unit",
    [" ", "\n", "\t", " \n", "a", "0, ", '{"tool": "search"}, ', "x" * 255 + "y"],
)
@pytest.mark.parametrize("piece", [1, 3, 7, 64])
def test_endless_repetition_is_stopped_soon(unit: str, piece: int) -> None:
    stopped = stops_after('{"a": 1' + unit * 4000, piece)
    assert stopped is not None
    assert stopped <= 7 + max(512, 8 * len(unit)) + 2 * 64 + 2 * len(unit) + piece


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"name": f"item {i}", "value": i * i} for i in range(300)], indent=8),
        "|" + "---|" * 30 + "\n",
        json.dumps({"matrix": [[0] * 40 for _ in range(3)]}),
        "=" * 120 + "\nTitle\n" + "=" * 120,
        "    " * 15 + "return x",
    ],
)
def test_honest_output_passes(text: str) -> None:
    assert stops_after(text) is None


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_random_words_pass_however_they_are_cut(seed: int, piece: int) -> None:
    chosen = random.Random(seed)
    words = [chosen.choice(["red", "green", "a", "of", "7", "{", "}"]) for _ in range(1500)]
    assert stops_after(" ".join(words), piece) is None
