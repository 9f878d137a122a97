"""One model's price, and what calls cost at it. All money is Decimal US dollars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext

from lean_agent.usage import EXACT, Usage

__all__ = ["Price", "Rate"]

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
        return self.cost_of_calls(
            usage, calls=1, prompt_tokens=usage.input_tokens, seconds=Decimal(repr(seconds))
        )

    def cost_of_calls(
        self, usage: Usage, *, calls: int, prompt_tokens: int, seconds: Decimal
    ) -> Decimal:
        """What ``calls`` cost together; ``usage`` and ``seconds`` are their sums.

        ``prompt_tokens`` is the prompt of one of them: all must be in the same tier.
        """
        with localcontext(EXACT):
            tokens = (
                self.input.at(prompt_tokens) * usage.uncached_input_tokens
                + self.cached_input.at(prompt_tokens) * usage.cache_read_input_tokens
                + self.cache_write.at(prompt_tokens) * usage.cache_creation_input_tokens
                + self.output.at(prompt_tokens) * usage.output_tokens
            )
            machine = self._machine_cost(seconds, ROUND_HALF_EVEN)
            return tokens.scaleb(-6) + self.per_request * calls + machine

    def worst_case(self, input_tokens: int, max_output_tokens: int, seconds: float) -> Decimal:
        """No call within these bounds costs more, however its prompt is cached or tiered."""
        highest_input = max(
            rate.highest(input_tokens) for rate in (self.input, self.cached_input, self.cache_write)
        )
        output = self.output.highest(input_tokens)
        with localcontext(EXACT):
            tokens = highest_input * input_tokens + output * max_output_tokens
            machine = self._machine_cost(Decimal(repr(seconds)), ROUND_CEILING)
            return tokens.scaleb(-6) + self.per_request + machine

    def seconds_for(self, usd: Decimal) -> float:
        """Seconds of the machine that ``usd`` pays for; of a price by the hour."""
        return float(EXACT.divide(usd, self.usd_per_hour)) * _SECONDS_PER_HOUR

    @property
    def by_token(self) -> bool:
        """Whether the number of tokens matters to the cost."""
        return any(rate.base or rate.tiers for rate in self._rates)

    @property
    def tier_starts(self) -> tuple[int, ...]:
        """The prompt sizes above which any of the rates is another one, in rising order."""
        return tuple(sorted({start for rate in self._rates for start, _ in rate.tiers}))

    @property
    def _rates(self) -> tuple[Rate, ...]:
        return (self.input, self.cached_input, self.cache_write, self.output)

    def _machine_cost(self, seconds: Decimal, rounding: str) -> Decimal:
        if not self.usd_per_hour:
            return Decimal(0)
        cost = self.usd_per_hour * seconds / _SECONDS_PER_HOUR
        return cost.quantize(_PICO, rounding=rounding)
