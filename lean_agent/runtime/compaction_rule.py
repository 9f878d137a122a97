"""When it pays to make the context shorter: the prompt's cache is lost from the first change on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from lean_agent.ledger.budget import Remaining
from lean_agent.price import Price

__all__ = ["Sizes", "calls_to_come", "pays"]

_LEAST_SAVED = 1_000
"""Tokens that a compaction has to save at least: what is cut may have to be read again."""

_CACHED_SHARE: Final = Decimal("0.1")
"""Of an uncached token's price, where none is known: what token units count a cached one as."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens of a context as it stands, of the compacted one, and of the beginning that both share.

    Only their ratios matter to ``pays``, so they may all be too high by the same factor.
    """

    before: int
    after: int
    shared: int


def calls_to_come(steps: int, left: Remaining, sizes: Sizes, price: Price | None) -> int:
    """An estimate of the model calls that will read the context, this one included.

    As many as there were: whoever has watched a run for n steps and knows nothing else of it had
    best expect n more. The caps on steps, tool calls, tokens and dollars bound it, at the least
    that a call can take.
    """
    bounds = [steps, left.steps, left.tool_calls]
    if left.tokens is not None:
        bounds.append(left.tokens // max(sizes.after, 1))
    if left.usd is not None and price is not None:
        call = price.cached_input.at(sizes.after) * sizes.after / 1_000_000 + price.per_request
        bounds.append(int(left.usd / call) if call else None)
    return min(bound for bound in bounds if bound is not None)


def pays(sizes: Sizes, calls: int, price: Price | None, *, cached: bool = True) -> bool:
    """Whether ``calls`` more calls cost less with the compacted context.

    With B tokens before, A after, S of them shared, n calls, and the price c of a cached token and
    w of one that is read anew (the higher one of input and cache write), it does where

        n * B * c  >  S * c + (A - S) * w + (n - 1) * A * c

    which, if one price holds for both sizes, is  n * (B - A) * c > (A - S) * (w - c):  the tokens
    saved over all calls, at the cached price, exceed what reading the rest anew costs more. What
    calls will add is the same on both sides. Without a price by the token c is a tenth of w; where
    the provider is known to cache nothing (``cached`` false) and bills by the token, c = w. In any
    case 1,000 tokens have to be saved.
    """
    if calls < 1 or sizes.before - sizes.after < _LEAST_SAVED:
        return False
    written, before, after = Decimal(1), _CACHED_SHARE, _CACHED_SHARE
    if price is not None and price.by_token:
        kept = price.cached_input if cached else price.input
        before, after = kept.at(sizes.before), kept.at(sizes.after)
        written = price.input.at(sizes.after)
        if cached:
            written = max(written, price.cache_write.at(sizes.after))
    as_it_is = calls * sizes.before * before
    shared = min(sizes.shared, sizes.after)
    rewritten = (sizes.after - shared) * written
    return as_it_is > shared * after + rewritten + (calls - 1) * sizes.after * after
