"""One model's price, and what a call costs at it. All money is Decimal US dollars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from lean_agent.model import ModelCard
from lean_agent.usage import Provenance, Usage

__all__ = ["Price", "Rate", "priced"]

_PICO = Decimal("1e-12")
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens.

    ``tiers`` are (prompt tokens, rate) in rising order: a prompt of more tokens than that is
    charged the rate for all its tokens, as providers do for long contexts.
    """

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, prompt_tokens: int) -> Decimal:
        """The rate for a prompt of that size."""
        rate = self.base
        for start, price in self.tiers:
            if prompt_tokens > start:
                rate = price
        return rate

    def highest(self, prompt_tokens: int) -> Decimal:
        """The highest rate for a prompt of up to that size."""
        reached = [price for start, price in self.tiers if prompt_tokens > start]
        return max([self.base, *reached])


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What calls to one model cost: by the token, by the request, by the machine's hour.

    ``reference`` names the table and its date. Reasoning is charged as output.
    """

    input: Rate
    cached_input: Rate
    cache_write: Rate
    output: Rate
    per_request: Decimal = Decimal(0)
    usd_per_hour: Decimal = Decimal(0)
    reference: str

    def cost(self, usage: Usage, seconds: float) -> Decimal:
        """US dollars, exact but for machine time, which is rounded to a trillionth.

        ``seconds`` is the machine time that this call is charged with.
        """
        prompt = usage.input_tokens
        tokens = (
            self.input.at(prompt) * usage.uncached_input_tokens
            + self.cached_input.at(prompt) * usage.cache_read_input_tokens
            + self.cache_write.at(prompt) * usage.cache_creation_input_tokens
            + self.output.at(prompt) * usage.output_tokens
        )
        machine = _machine_cost(self.usd_per_hour, seconds, ROUND_HALF_EVEN)
        return tokens.scaleb(-6) + self.per_request + machine

    def worst_case(self, input_tokens: int, max_output_tokens: int, seconds: float) -> Decimal:
        """No call within these bounds costs more, however its prompt is cached or tiered."""
        highest_input = max(
            rate.highest(input_tokens) for rate in (self.input, self.cached_input, self.cache_write)
        )
        output = self.output.highest(input_tokens)
        tokens = highest_input * input_tokens + output * max_output_tokens
        machine = _machine_cost(self.usd_per_hour, seconds, ROUND_CEILING)
        return tokens.scaleb(-6) + self.per_request + machine

    @property
    def by_token(self) -> bool:
        """Whether the number of tokens matters to the cost."""
        rates = (self.input, self.cached_input, self.cache_write, self.output)
        return any(rate.base or rate.tiers for rate in rates)


def _machine_cost(usd_per_hour: Decimal, seconds: float, rounding: str) -> Decimal:
    if not usd_per_hour:
        return Decimal(0)
    cost = usd_per_hour * Decimal(repr(seconds)) / _SECONDS_PER_HOUR
    return cost.quantize(_PICO, rounding=rounding)


def priced(
    usage: Usage, *, price: Price | None, card: ModelCard, seconds: float, estimated: bool
) -> Usage:
    """``usage`` with its cost and where the cost comes from.

    Without a price a self-hosted model costs 0, marked ``self_hosted``; any other has an unknown
    cost, marked ``unpriced``: it is never free. ``estimated`` token counts are marked too, unless
    the price does not depend on them.
    """
    marks: set[Provenance] = set()
    if estimated or "estimated" in usage.provenance:
        marks.add("estimated")
    if price is not None:
        cost = price.cost(usage, seconds)
        if not (marks and price.by_token):
            marks = {"measured"}
    elif card.self_hosted:
        cost = Decimal(0)
        marks.add("self_hosted")
    else:
        cost = None
        marks.add("unpriced")
    return replace(usage, cost=cost, provenance=frozenset(marks))
