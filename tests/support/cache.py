"""How much of each step's repeated prompt the server's prefix cache served."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["prefix_cached"]


def prefix_cached(steps: Sequence[Mapping[str, Any]]) -> float:
    """The least share, over the steps after the first, of cached to repeated tokens.

    ``steps`` are ledger rows of one run in order; what a step repeats is the prompt and output of
    the one before.
    """
    return min(
        after["cache_read_input_tokens"] / (before["input_tokens"] + before["output_tokens"])
        for before, after in itertools.pairwise(steps)
    )
