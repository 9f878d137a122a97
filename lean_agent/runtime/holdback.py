"""The slice of a budget that only the final answer may use. Spec: ledger ("Budgets")."""

from __future__ import annotations

from decimal import Decimal

from lean_agent.ledger.budget import Amount, Remaining
from lean_agent.price import Price

__all__ = ["held_back", "held_back_seconds"]

_PROMPT_TOKENS = 4_000
_OUTPUT_TOKENS = 512
_TOKENS = 1_500
_SECONDS = 20.0
_SHARE = 4


def held_back(left: Remaining, price: Price | None) -> Amount:
    """A quarter of what is left at the start of a run, or what an answer needs, if that is less."""
    usd = Decimal(0)
    if left.usd is not None and price is not None:
        usd = left.usd / _SHARE
        if not price.usd_per_hour:
            usd = min(usd, price.worst_case(_PROMPT_TOKENS, _OUTPUT_TOKENS, 0.0))
    return Amount(
        usd=usd,
        tokens=min(left.tokens // _SHARE, _TOKENS) if left.tokens else 0,
        steps=1 if left.steps else 0,
    )


def held_back_seconds(left: Remaining) -> float:
    """Seconds kept for the final answer, by the same rule."""
    return min(left.seconds / _SHARE, _SECONDS) if left.seconds else 0.0
