"""How efficiently information was gathered and answers were reached: one formula a function.

Sources: WebLeaper (arXiv 2510.24697) for ISR and ISE, DEPO (arXiv 2511.15392) for tokens a step,
Plan-and-Budget (arXiv 2505.16122) for E3.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["e3", "ise", "ise_as_published", "isr", "tokens_after", "tokens_per_step"]


def isr(required: int, found: int) -> float:
    """Information-seeking rate |R and O| / |R|: the share of the required entities R obtained."""
    return found / required


def ise(found: int, actions: int) -> float:
    """Information-seeking efficiency |R and O| / T: required entities obtained an action.

    0 where nothing was done.
    """
    return found / actions if actions else 0.0


def ise_as_published(required: int, actions: int) -> float:
    """|R| / T, as WebLeaper's text defines ISE: it does not depend on what was found.

    0 where nothing was done.
    """
    return required / actions if actions else 0.0


def e3(pass_rate: float, output_tokens: float) -> float:
    """Efficiency-aware effectiveness A^2 / T: A the accuracy in percent, T decoded tokens a task.

    The paper's tables fit percent, not a share of 1. Not a number where nothing was decoded.
    """
    return (100 * pass_rate) ** 2 / output_tokens if output_tokens else float("nan")


def tokens_per_step(output_tokens: int | None, steps: int) -> float | None:
    """DEPO's step-level efficiency: tokens that the model wrote, a step. None where unknown."""
    return output_tokens / steps if output_tokens is not None and steps else None


def tokens_after(first_correct: int | None, tokens: Sequence[int | None]) -> int | None:
    """Tokens of the turns that follow the one in which the correct answer first stood.

    ``first_correct`` is that turn, from 0, and ``tokens`` what each turn took. 0 where the answer
    never stood there, since nothing was spent after it; None where one of those turns is unknown.
    """
    if first_correct is None:
        return 0
    total = 0
    for taken in tokens[first_correct + 1 :]:
        if taken is None:
            return None
        total += taken
    return total
