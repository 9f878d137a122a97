from __future__ import annotations

import json
from decimal import Context, Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lean_agent.usage import Usage

TINY = Context(prec=2)
"""What a program may have set for its own arithmetic."""

money = st.decimals(0, 10**9, places=20)


@given(st.lists(money, max_size=20))
def test_a_sum_of_costs_is_exact_whatever_the_programs_own_decimal_context(
    costs: list[Decimal],
) -> None:
    with localcontext(TINY):
        total = sum((Usage(cost=cost) for cost in costs), Usage())
    assert total.cost is not None
    assert Fraction(total.cost) == sum(map(Fraction, costs))


def test_a_sum_with_an_unknown_term_is_unknown() -> None:
    known, unknown = Usage(cost=Decimal(1)), Usage(cost=None)
    assert (known + unknown).cost is (unknown + known).cost is None


def test_a_sum_counts_everything_and_keeps_where_it_comes_from() -> None:
    one = Usage(
        input_tokens=10,
        output_tokens=5,
        cache_read_input_tokens=4,
        cache_creation_input_tokens=3,
        reasoning_output_tokens=2,
        provenance=frozenset({"measured"}),
    )
    total = one + Usage(input_tokens=1, output_tokens=1, provenance=frozenset({"estimated"}))
    assert total == Usage(
        input_tokens=11,
        output_tokens=6,
        cache_read_input_tokens=4,
        cache_creation_input_tokens=3,
        reasoning_output_tokens=2,
        provenance=frozenset({"measured", "estimated"}),
    )
    assert total.uncached_input_tokens == 4
    assert total.total_tokens == 17
    assert total.token_units == 11 - 4 + 0.4 + 24


@given(st.none() | money)
def test_json_gives_it_back(cost: Decimal | None) -> None:
    usage = Usage(input_tokens=3, cost=cost, provenance=frozenset({"measured", "served"}))
    assert Usage.from_dict(json.loads(json.dumps(usage.to_dict()))) == usage
