"""What a model call used and cost. Spec: ledger ("Entries"), architecture ("Core types")."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, Final, Literal

__all__ = ["EXACT", "Provenance", "Usage"]

EXACT: Final = Context(prec=60)
"""For all arithmetic with money: exact for any realistic amount, whatever the caller's own decimal
context is. Rounding would leave a remainder when a reservation is given back."""

Provenance = Literal["measured", "estimated", "self_hosted", "unpriced", "served"]
"""Where a cost comes from.

measured: token counts from the provider, at a known price. estimated: token counts guessed (an
aborted stream, a server that sends no usage). self_hosted: a model on the user's own machine for
which no rate is set, counted as 0 and shown as such. unpriced: nobody knows; the cost is None.
served: the response cache had the answer; nothing was sent and nothing is billed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and money of one call or of many, addable.

    Cached tokens are counted inside ``input_tokens`` and reasoning tokens inside
    ``output_tokens``, as OpenTelemetry's GenAI conventions have it. ``cost`` is in US dollars;
    None means unknown, and a sum with an unknown term is unknown: an unpriced call is never free.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    cost: Decimal | None = Decimal(0)
    provenance: frozenset[Provenance] = field(default_factory=lambda: frozenset[Provenance]())

    def __add__(self, other: Usage) -> Usage:
        cost = None
        if self.cost is not None and other.cost is not None:
            cost = EXACT.add(self.cost, other.cost)
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_input_tokens=self.cache_read_input_tokens + other.cache_read_input_tokens,
            cache_creation_input_tokens=self.cache_creation_input_tokens
            + other.cache_creation_input_tokens,
            reasoning_output_tokens=self.reasoning_output_tokens + other.reasoning_output_tokens,
            cost=cost,
            provenance=self.provenance | other.provenance,
        )

    @property
    def uncached_input_tokens(self) -> int:
        """Input tokens that no cache served and none was written for."""
        return self.input_tokens - self.cache_read_input_tokens - self.cache_creation_input_tokens

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def token_units(self) -> float:
        """Price-free size of the work: uncached input + 0.1 x cached input + 4 x output."""
        cached = self.cache_read_input_tokens
        return self.input_tokens - cached + 0.1 * cached + 4 * self.output_tokens

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; money as a string."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "cache_creation_input_tokens": self.cache_creation_input_tokens,
            "reasoning_output_tokens": self.reasoning_output_tokens,
            "cost": None if self.cost is None else format(self.cost, "f"),
            "provenance": sorted(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Usage:
        cost = data["cost"]
        return cls(
            input_tokens=data["input_tokens"],
            output_tokens=data["output_tokens"],
            cache_read_input_tokens=data["cache_read_input_tokens"],
            cache_creation_input_tokens=data["cache_creation_input_tokens"],
            reasoning_output_tokens=data["reasoning_output_tokens"],
            cost=None if cost is None else Decimal(cost),
            provenance=frozenset(data["provenance"]),
        )
