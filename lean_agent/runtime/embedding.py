"""Embedding at somebody's expense: reserved, entered, charged and settled as a model call is.

An embedding is never a step, and does not wait for room that other runs hold: whoever asked for it
can do without, by searching for words alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lean_agent._paths import config_dir
from lean_agent._semconv import Purpose
from lean_agent.embedder import Embedded, Embedder
from lean_agent.errors import LeanAgentError, LimitExceededError
from lean_agent.ledger.budget import Amount, Remaining
from lean_agent.models.pricing import embedder_card, list_cost, priced
from lean_agent.models.tokens import embedding_bound, estimate_embedding_usage
from lean_agent.price import Price
from lean_agent.runtime.book import Book
from lean_agent.runtime.fitting import ABORT_SECONDS
from lean_agent.runtime.machine_time import machine_time
from lean_agent.runtime.spending import Held, Spending
from lean_agent.usage import Usage

__all__ = ["MeteredEmbedding"]

_MACHINE_SECONDS = 60.0
_TRIES = 2
"""Bounds that are set aside: our clients try three times, and what failed is charged by an estimate
of a third of the bound at most.
"""


@dataclass(slots=True, kw_only=True)
class MeteredEmbedding:
    """``charge`` is told each request's cost. ``price_of`` may block: it is asked in a thread."""

    book: Book
    spending: Spending
    charge: Callable[[Usage], None]
    price_of: Callable[[Embedder], Price | None]

    async def embed(
        self, embedder: Embedder, texts: Sequence[str], *, purpose: Purpose = "embed"
    ) -> Embedded:
        """What the embedder makes of ``texts``, with its price in the usage.

        Raises:
            LimitExceededError: nothing was sent, the budget has no room for it; under a dollar cap
                also where nobody knows the price.
            ModelError: the embedder failed; what that cost is charged.
        """
        if not texts:
            return await embedder.embed(texts)
        price = await asyncio.to_thread(self.price_of, embedder)
        held, seconds = await self._reserve(embedder, texts, price)
        machine = machine_time(embedder.name)

        def charged(usage: Usage, *, estimated: bool) -> Usage:
            if not usage.total_tokens and not (price is not None and price.usd_per_hour):
                return Usage()  # nothing was sent
            card = embedder_card(embedder)
            took = machine.share(begun)
            return priced(usage, price=price, card=card, seconds=took, estimated=estimated)

        begun = machine.begin()
        started = time.perf_counter()
        sent = estimate_embedding_usage(texts)
        entry = self.book.open_embedding(
            purpose,
            embedder.name,
            usage=charged(sent, estimated=True),
            price_ref=price.reference if price else None,
        )
        usage = Usage()
        truth: dict[str, Any] = {}
        try:
            async with nullcontext() if seconds is None else asyncio.timeout(seconds):
                made = await embedder.embed(texts)
            usage = charged(made.usage if made.usage.total_tokens else sent, estimated=False)
            truth = {"finish_reason": "stop"}
            return Embedded(vectors=made.vectors, usage=usage)
        except LeanAgentError as error:
            truth = {"error_type": error.code}
            usage = charged(error.usage or Usage(), estimated=True)
            error.usage = usage
            raise
        except (asyncio.CancelledError, Exception) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            truth = {"error_type": "cancelled" if cancelled else "unknown"}
            usage = charged(sent, estimated=True)
            if isinstance(error, TimeoutError) and seconds is not None:
                took = f"{seconds:.1f} s that the cap left"
                raise LimitExceededError("usd", "an embedding", took) from error
            raise
        finally:
            self.charge(usage)
            self.book.close(
                entry,
                usage=usage,
                list_cost=list_cost(usage, price, machine.share(begun)),
                seconds=time.perf_counter() - started,
                **truth,
            )
            machine.end()
            await held.settle(Amount(usd=usage.cost or Decimal(0), tokens=usage.total_tokens))

    async def _reserve(
        self, embedder: Embedder, texts: Sequence[str], price: Price | None
    ) -> tuple[Held, float | None]:
        """Set the worst case aside; also the seconds it may take, None where no price asks."""
        left = await self.spending.remaining()
        if left.usd is not None and price is None and not embedder_card(embedder).self_hosted:
            raise LimitExceededError(
                "usd",
                f"{embedder.name}, whose price is unknown,",
                f"${left.usd} left",
                hint=f"add its price to {config_dir() / 'prices.toml'}, or cap tokens instead",
            )
        seconds = _seconds(price, left)
        tokens = _TRIES * sum(map(embedding_bound, texts))
        usd = Decimal(0)
        if price is not None:
            usd = price.worst_case(tokens, 0, 0.0 if seconds is None else seconds + ABORT_SECONDS)
        prompt = estimate_embedding_usage(texts)
        lost = Decimal(0) if price is None else price.cost(prompt, 0.0)
        held = await self.spending.reserve(
            Amount(usd=usd, tokens=tokens), lost=Amount(usd=lost, tokens=prompt.total_tokens)
        )
        return held, seconds


def _seconds(price: Price | None, left: Remaining) -> float | None:
    """A machine priced by the hour has no other worst case than the time it may take."""
    if price is None or not price.usd_per_hour or left.usd is None:
        return None
    seconds = price.seconds_for(left.usd) - ABORT_SECONDS
    if seconds <= 0:
        raise LimitExceededError("usd", "an embedding", "what is left: no time for it")
    return min(_MACHINE_SECONDS, seconds)
