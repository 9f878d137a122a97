"""When a shorter context costs less, with numbers reckoned by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lean_agent.ledger.budget import Remaining
from lean_agent.price import Price, Rate
from lean_agent.runtime.compaction_rule import Sizes, calls_to_come, pays

# 10,000 tokens become 4,000, of which the first 1,000 are the same.
SIZES = Sizes(before=10_000, after=4_000, shared=1_000)


def price(
    input_: str, cached: str, write: str = "0", tiers: tuple[tuple[int, str], ...] = ()
) -> Price:
    rising = tuple((start, Decimal(rate)) for start, rate in tiers)
    return Price(
        input=Rate(Decimal(input_)),
        cached_input=Rate(Decimal(cached), rising),
        cache_write=Rate(Decimal(write)),
        output=Rate(Decimal(4)),
        reference="test",
    )


FREE = Rate(Decimal(0))
MACHINE = Price(
    input=FREE,
    cached_input=FREE,
    cache_write=FREE,
    output=FREE,
    usd_per_hour=Decimal(1),
    reference="test",
)


@pytest.mark.parametrize(
    ("price", "least_calls"),
    [
        # n * 6,000 * 0.1 > 3,000 * 0.9 is true from 5 calls on (4.5).
        (None, 5),
        (price("1", "0.1"), 5),
        # n * 6,000 * 0.25 > 3,000 * 0.75: 1.5.
        (price("1", "0.25"), 2),
        # A write that costs more than input: n * 600 > 3,000 * (1.25 - 0.1): 5.75.
        (price("1", "0.1", "1.25"), 6),
        # Nothing cheaper is cached: any saving pays at once.
        (price("1", "1"), 1),
        # Above 8,000 tokens a cached one costs three times as much: n * (3,000 - 400) > 2,700.
        (price("1", "0.1", tiers=((8_000, "0.3"),)), 2),
        # A machine is paid by the hour: as without a price.
        (MACHINE, 5),
    ],
)
def test_it_pays_from_so_many_calls_on(price: Price | None, least_calls: int) -> None:
    assert not pays(SIZES, least_calls - 1, price)
    assert pays(SIZES, least_calls, price)


def test_a_provider_that_caches_nothing_makes_it_pay_at_once() -> None:
    assert pays(SIZES, 1, price("1", "0.1", "1.25"), cached=False)
    assert not pays(SIZES, 0, price("1", "0.1"), cached=False)
    assert not pays(SIZES, 4, None, cached=False)  # nobody bills it: its time is as if it did


def test_little_is_not_worth_what_is_lost() -> None:
    assert not pays(Sizes(before=4_999, after=4_000, shared=3_999), 100, price("1", "1"))
    assert pays(Sizes(before=5_000, after=4_000, shared=3_999), 100, price("1", "1"))


@pytest.mark.parametrize(
    ("left", "calls"),
    [
        (Remaining(), 7),
        (Remaining(steps=3), 3),
        (Remaining(tool_calls=0), 0),
        (Remaining(tokens=21_000), 5),
        # 4,000 cached tokens are $0.0004.
        (Remaining(usd=Decimal("0.001")), 2),
        (Remaining(seconds=1.0), 7),
    ],
)
def test_as_many_calls_are_expected_as_there_were_within_the_caps(
    left: Remaining, calls: int
) -> None:
    assert calls_to_come(7, left, SIZES, price("1", "0.1")) == calls
