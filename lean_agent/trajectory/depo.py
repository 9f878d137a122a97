"""Which of the good trajectories were cheap as well: DEPO's split and ranking (arXiv 2511.15392).

Step-level efficiency is tokens written a step, trajectory-level efficiency steps a task; a step is
a turn of the model.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["GOOD", "GOOD_SHOPPING", "MAX_STEPS", "MIDDLING", "Group", "bonus", "group"]

Group = Literal["desirable", "undesirable"]

GOOD: Final = 0.9
GOOD_SHOPPING: Final = 1.0
MIDDLING: Final = 0.7
MAX_STEPS: Final = 7


def group(
    reward: float,
    steps: int,
    *,
    good: float = GOOD,
    middling: float = MIDDLING,
    max_steps: int = MAX_STEPS,
) -> Group | None:
    """Which half of the training pairs it belongs to, None for neither.

    Desirable: a reward of ``good`` and more in fewer than ``max_steps`` steps. Undesirable: one of
    ``middling`` and more that was not as good, or took longer.
    """
    if reward < middling:
        return None
    return "desirable" if reward >= good and steps < max_steps else "undesirable"


def bonus(
    tokens_per_step: float | None, steps: int, *, by_tokens: float = 3.0, by_steps: float = 3.0
) -> float:
    """a1 / mean tokens a step + a2 / steps, by which desirable trajectories are ranked.

    What nobody measured, or did not happen, earns nothing.
    """
    earned = by_steps / steps if steps else 0.0
    return earned + (by_tokens / tokens_per_step if tokens_per_step else 0.0)
