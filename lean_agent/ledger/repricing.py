"""What the ledger's calls would cost under another price table. Spec: ledger ("Storage").

The entries are read, never changed. Not calls are priced but sums of calls: within one tier of the
prompt's size a price is linear in the tokens, so that a million calls are a few multiplications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from lean_agent.errors import LedgerError
from lean_agent.ledger.queries import By, sql
from lean_agent.price import Price
from lean_agent.usage import EXACT, Usage

__all__ = ["reprice"]

_MODEL = "concat(provider, ':', model)"
_KEYS: dict[By, str] = {
    "model": _MODEL,
    "day": "strftime(day, '%Y-%m-%d')",
    "purpose": "purpose",
    "run": "run_id",
    "mode": "mode",
}
_TOKENS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)


def reprice(
    folder: Path,
    price_of: Callable[[str], Price | None],
    *,
    by: Sequence[By] = ("model",),
    left_out: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Of each group of calls what was billed and what ``price_of`` makes of it, the dearest first.

    ``price_of`` is asked once for each ``provider:model``; None is a model that it does not know.
    A row has the keys of ``by``, ``calls``, the sums of tokens, ``provenance`` (calls by where
    their bill comes from) and, in US dollars, ``billed``, ``repriced`` and their ``difference``
    (repriced less billed). A sum is None where one of its terms is unknown; ``known_billed`` and
    ``known_repriced`` sum the rest, ``unpriced_calls`` counts the calls without a new price.

    What the response cache served, and what never reached a model, costs nothing under any price;
    a self-hosted model without a rate goes on costing nothing. Sums are exact but for machine
    time, which is rounded to a trillionth for a group and not for each of its calls.

    Raises:
        LedgerError: ``by`` names no key.
    """
    for key in by:
        if key not in _KEYS:
            raise LedgerError(f"cannot sum by {key!r}", hint=f"one of: {', '.join(_KEYS)}")
    prices: dict[str, Price | None] = {}
    rows = _sums(folder, by, (), left_out)
    # A model may have its first call at this very moment, and tiers of its own.
    while unknown := {row[len(by)] for row in rows} - prices.keys():
        prices |= {model: price_of(model) for model in unknown}
        rows = _sums(folder, by, prices.values())
    groups: dict[tuple[Any, ...], _Group] = {}
    for row in rows:
        group = groups.setdefault(row[: len(by)], _Group())
        model, _, *values = row[len(by) :]
        group.add(_Calls(*values), prices[model])
    dearest = sorted(groups.items(), key=lambda item: (-item[1].billed, str(item[0])))
    return [dict(zip(by, key, strict=True)) | group.to_dict() for key, group in dearest]


def _sums(
    folder: Path,
    by: Sequence[By],
    prices: Iterable[Price | None],
    left_out: list[str] | None = None,
) -> list[tuple[Any, ...]]:
    """The keys, the model, the tier and what _Calls has, of each group of calls."""
    starts = {start for price in prices if price is not None for start in price.tier_starts}
    # How many tiers begin below a prompt: those of all models, which cuts no tier in two.
    tier = " + ".join(["0", *(f"CAST(input_tokens > {start} AS INTEGER)" for start in starts)])
    tokens = ", ".join(f"coalesce(sum({name}), 0)" for name in _TOKENS)
    query = f"""
        SELECT {"".join(f"{_KEYS[key]}, " for key in by)} {_MODEL}, {tier},
               coalesce(provenance, ''), count(*),
               count(*) FILTER (input_tokens + output_tokens > 0),
               coalesce(max(input_tokens), 0), {tokens},
               coalesce(sum(CAST(seconds AS DECIMAL(38, 9))), 0),
               coalesce(sum(cost), 0), count(*) - count(cost)
        FROM entries WHERE model <> '' AND purpose IS DISTINCT FROM 'run' GROUP BY ALL
    """  # noqa: S608
    return sql(folder, query, left_out=left_out)[1]


@dataclass(frozen=True, slots=True)
class _Calls:
    """Sums over calls of one model, tier and provenance, in the query's order of columns.

    ``sent`` are the calls with tokens, ``unbilled`` those whose cost is unknown.
    """

    provenance: str
    calls: int
    sent: int
    longest_prompt: int
    input_tokens: int
    cache_read: int
    cache_written: int
    output_tokens: int
    seconds: Decimal
    billed: Decimal
    unbilled: int

    @property
    def usage(self) -> Usage:
        return Usage(
            input_tokens=int(self.input_tokens),
            output_tokens=int(self.output_tokens),
            cache_read_input_tokens=int(self.cache_read),
            cache_creation_input_tokens=int(self.cache_written),
        )


@dataclass(slots=True)
class _Group:
    """One row of the answer as it adds up."""

    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    unbilled: int = 0
    unpriced: int = 0
    billed: Decimal = Decimal(0)
    repriced: Decimal = Decimal(0)
    provenance: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, calls: _Calls, price: Price | None) -> None:
        self.usage += calls.usage
        self.calls += calls.calls
        self.unbilled += calls.unbilled
        self.billed = EXACT.add(self.billed, calls.billed)
        for mark in filter(None, calls.provenance.split("+")):
            self.provenance[mark] = self.provenance.get(mark, 0) + calls.calls
        if "served" in calls.provenance:
            return
        if price is not None:
            cost = price.cost_of_calls(
                calls.usage,
                calls=calls.sent,
                prompt_tokens=calls.longest_prompt,
                seconds=calls.seconds,
            )
            self.repriced = EXACT.add(self.repriced, cost)
        elif "self_hosted" not in calls.provenance:
            self.unpriced += calls.sent

    def to_dict(self) -> dict[str, Any]:
        billed = None if self.unbilled else _plain(self.billed)
        repriced = None if self.unpriced else _plain(self.repriced)
        difference = None
        if billed is not None and repriced is not None:
            difference = _plain(EXACT.subtract(repriced, billed))
        usage = self.usage
        return {
            "calls": self.calls,
            "uncached_input_tokens": usage.uncached_input_tokens,
            "cache_read_input_tokens": usage.cache_read_input_tokens,
            "cache_creation_input_tokens": usage.cache_creation_input_tokens,
            "output_tokens": usage.output_tokens,
            "provenance": self.provenance,
            "billed": billed,
            "known_billed": _plain(self.billed),
            "repriced": repriced,
            "known_repriced": _plain(self.repriced),
            "unpriced_calls": self.unpriced,
            "difference": difference,
        }


def _plain(money: Decimal) -> Decimal:
    """Without the zeros that a column's scale adds."""
    return Decimal(format(EXACT.normalize(money), "f"))
