from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lean_agent.price import Price, Rate
from lean_agent.usage import Usage

TINY = Context(prec=2)
"""What a program may have set for its own arithmetic."""


def rate(text: str) -> Rate:
    return Rate(Decimal(text))


def test_long_contexts_cost_more_for_every_token() -> None:
    price = Price(
        input=Rate(Decimal(1), ((100, Decimal(2)), (200, Decimal(3)))),
        cached_input=rate("0.1"),
        cache_write=rate("1"),
        output=Rate(Decimal(4), ((100, Decimal(8)),)),
        reference="test",
    )
    costs = [price.cost(Usage(input_tokens=n, output_tokens=1), 0) for n in (100, 101, 201)]
    assert costs == [Decimal(f"0.000{n}") for n in (104, 210, 611)]


rates = st.builds(
    Rate,
    st.decimals(0, 100, places=3),
    st.lists(st.tuples(st.integers(0, 2_000), st.decimals(0, 100, places=3)), max_size=3).map(
        lambda tiers: tuple(sorted(tiers))
    ),
)


@given(
    price=st.builds(
        Price,
        input=rates,
        cached_input=rates,
        cache_write=rates,
        output=rates,
        per_request=st.decimals(0, 1, places=4),
        usd_per_hour=st.decimals(0, 10, places=2),
        reference=st.just("test"),
    ),
    tokens=st.tuples(*(st.integers(0, 1_000) for _ in range(4))),
    slack=st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)),
    seconds=st.floats(0, 1_000),
    more_seconds=st.floats(0, 1_000),
)
def test_the_worst_case_is_never_passed(
    price: Price,
    tokens: tuple[int, int, int, int],
    slack: tuple[int, int],
    seconds: float,
    more_seconds: float,
) -> None:
    fresh, read, written, output = tokens
    usage = Usage(
        input_tokens=fresh + read + written,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        output_tokens=output,
    )
    bound = price.worst_case(
        usage.input_tokens + slack[0], output + slack[1], seconds + more_seconds
    )
    assert price.cost(usage, seconds) <= bound


def test_tiers_begin_where_any_of_the_rates_changes() -> None:
    price = Price(
        input=Rate(Decimal(1), ((200, Decimal(2)),)),
        cached_input=rate("1"),
        cache_write=Rate(Decimal(1), ((200, Decimal(2)), (300, Decimal(3)))),
        output=Rate(Decimal(4), ((100, Decimal(8)),)),
        reference="test",
    )
    assert price.tier_starts == (100, 200, 300)


ODD = Price(
    input=rate("1.234567891234"),
    cached_input=rate("0.123456789123"),
    cache_write=rate("1.5432098765"),
    output=rate("9.876543219876"),
    per_request=Decimal("0.000123456789"),
    reference="test",
)


def test_no_digit_is_lost_whatever_the_programs_own_decimal_context() -> None:
    """Checked with fractions, which never round."""
    usage = Usage(
        input_tokens=123_456_789 + 987_654 + 12_345,
        cache_read_input_tokens=987_654,
        cache_creation_input_tokens=12_345,
        output_tokens=7_654_321,
    )
    tokens = (
        Fraction(ODD.input.base) * 123_456_789
        + Fraction(ODD.cached_input.base) * 987_654
        + Fraction(ODD.cache_write.base) * 12_345
        + Fraction(ODD.output.base) * 7_654_321
    )
    expected = tokens / 10**6 + Fraction(ODD.per_request)
    with localcontext(TINY):
        assert Fraction(ODD.cost(usage, 0.0)) == expected
        bound = ODD.worst_case(usage.input_tokens, usage.output_tokens, 0.0)
    assert (
        expected
        < Fraction(bound)
        == (
            Fraction(ODD.cache_write.base) * usage.input_tokens
            + Fraction(ODD.output.base) * usage.output_tokens
        )
        / 10**6
        + Fraction(ODD.per_request)
    )


def test_machine_time_is_rounded_to_a_trillionth_and_no_further() -> None:
    free = rate("0")
    machine = Price(
        input=free,
        cached_input=free,
        cache_write=free,
        output=free,
        usd_per_hour=Decimal(1),
        reference="test",
    )
    with localcontext(TINY):
        assert machine.cost(Usage(), 7.0) == Decimal("0.001944444444")
        assert machine.worst_case(0, 0, 7.0) == Decimal("0.001944444445")
        assert machine.seconds_for(Decimal("1.23456789")) == 1.23456789 * 3600
