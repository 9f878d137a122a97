from __future__ import annotations

import tempfile
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_agent.errors import LedgerError
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.repricing import reprice
from lean_agent.price import Price, Rate
from lean_agent.usage import Provenance, Usage


def flat(text: str, **more: Any) -> Price:
    rate = Rate(Decimal(text))
    fields: dict[str, Any] = {
        "input": rate,
        "cached_input": rate,
        "cache_write": rate,
        "output": rate,
    } | more
    return Price(**fields, reference="test")


TIERED = flat("1", input=Rate(Decimal(1), ((100, Decimal(2)), (200, Decimal(4)))))


def call(
    usage: Usage, cost: Decimal | None, *marks: Provenance, model: str = "a:b", **more: Any
) -> Entry:
    provider, _, name = model.partition(":")
    billed = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        cost=cost,
        provenance=frozenset(marks or ("measured",)),
    )
    fields: dict[str, Any] = {
        "run_id": "r",
        "operation": "chat",
        "purpose": "answer",
        "provider": provider,
        "model": name,
        "usage": billed,
        "seconds": 1.5,
    }
    return Entry(**(fields | more))


def write(folder: Path, entries: Sequence[Entry]) -> None:
    ledger = Ledger(folder)
    for entry in entries:
        ledger.append(entry)
    ledger.close()


def usage_of(fresh: int, read: int, written: int, output: int) -> Usage:
    return Usage(
        input_tokens=fresh + read + written,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        output_tokens=output,
    )


usages = st.builds(
    usage_of,
    st.integers(1, 400),
    st.integers(0, 400),
    st.integers(0, 400),
    st.integers(0, 10**6),
)
rates = st.builds(
    Rate,
    st.decimals(0, 100, places=9),
    st.lists(
        st.tuples(st.integers(0, 900), st.decimals(0, 100, places=9)),
        max_size=3,
        unique_by=lambda tier: tier[0],
    ).map(lambda tiers: tuple(sorted(tiers))),
)
prices = st.builds(
    Price,
    input=rates,
    cached_input=rates,
    cache_write=rates,
    output=rates,
    per_request=st.decimals(0, 1, places=9),
    reference=st.just("test"),
)


tables = st.dictionaries(
    st.sampled_from(["a:b", "a:b:c", 'it\'s:a "model"; --']), prices, min_size=1
)
call_lists = st.lists(st.tuples(st.integers(0, 2), usages), min_size=1, max_size=30)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(table=tables, calls=call_lists)
def test_the_table_that_billed_gives_the_bill_to_the_last_digit(
    table: dict[str, Price], calls: list[tuple[int, Usage]]
) -> None:
    check_same_table(table, calls)


@pytest.mark.soak
@settings(max_examples=300, deadline=None)
@given(table=tables, calls=call_lists)
def test_the_table_that_billed_gives_the_bill_every_time(
    table: dict[str, Price], calls: list[tuple[int, Usage]]
) -> None:
    check_same_table(table, calls)


def check_same_table(table: dict[str, Price], calls: list[tuple[int, Usage]]) -> None:
    names = sorted(table)
    entries: list[Entry] = []
    for number, usage in calls:
        model = names[number % len(names)]
        entries.append(call(usage, table[model].cost(usage, 0.0), model=model))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), entries)
        with localcontext(Context(prec=2)):
            rows = reprice(Path(folder), table.get)
            (total,) = reprice(Path(folder), table.get, by=())
    for row in [*rows, total]:
        assert row["repriced"] == row["billed"]
        assert row["difference"] == 0
        assert row["unpriced_calls"] == 0
    assert {row["model"] for row in rows} == {f"{e.provider}:{e.model}" for e in entries}
    assert sum(row["calls"] for row in rows) == total["calls"] == len(entries)
    assert total["billed"] == sum((e.usage.cost or Decimal(0) for e in entries), Decimal(0))
    assert total["output_tokens"] == sum(e.usage.output_tokens for e in entries)


def test_each_call_is_in_the_tier_of_its_own_prompt(tmp_path: Path) -> None:
    sizes = (100, 101, 200, 201)
    write(tmp_path, [call(Usage(input_tokens=n), Decimal(0)) for n in sizes])
    (row,) = reprice(tmp_path, lambda _name: TIERED)
    assert row["repriced"] == Decimal("0.000001") * (100 + 2 * 101 + 2 * 200 + 4 * 201)


def test_billed_and_repriced_stay_apart_and_the_entries_as_they_are(tmp_path: Path) -> None:
    usage = Usage(input_tokens=1_000_000, cache_read_input_tokens=400_000, output_tokens=10)
    write(tmp_path, [call(usage, Decimal("0.5")), call(usage, Decimal("0.25"), "estimated")])
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    (row,) = reprice(tmp_path, lambda _name: flat("2", cached_input=Rate(Decimal("0.5"))))
    assert row == {
        "model": "a:b",
        "calls": 2,
        "uncached_input_tokens": 1_200_000,
        "cache_read_input_tokens": 800_000,
        "cache_creation_input_tokens": 0,
        "output_tokens": 20,
        "provenance": {"measured": 1, "estimated": 1},
        "billed": Decimal("0.75"),
        "known_billed": Decimal("0.75"),
        "repriced": Decimal("2.80004"),
        "known_repriced": Decimal("2.80004"),
        "unpriced_calls": 0,
        "difference": Decimal("2.05004"),
    }
    assert str(row["billed"]) == "0.75"
    assert before == [p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()]


def test_an_unknown_price_or_bill_makes_the_sum_unknown_but_hides_nothing(tmp_path: Path) -> None:
    usage = Usage(input_tokens=1_000_000)
    write(
        tmp_path,
        [
            call(usage, Decimal(3), model="a:known"),
            call(usage, Decimal(2), model="a:new"),
            call(usage, None, "unpriced", model="a:known"),
        ],
    )
    (row,) = reprice(tmp_path, lambda name: flat("1") if name == "a:known" else None, by=("mode",))
    assert row["mode"] is None
    assert (row["billed"], row["known_billed"]) == (None, Decimal(5))
    assert (row["repriced"], row["known_repriced"]) == (None, Decimal(2))
    assert row["unpriced_calls"] == 1
    assert row["difference"] is None
    assert row["provenance"] == {"measured": 2, "unpriced": 1}


def test_what_was_not_sent_costs_nothing_under_any_price(tmp_path: Path) -> None:
    dear = flat("1000", per_request=Decimal(7))
    free = Usage()
    write(
        tmp_path,
        [
            call(free, Decimal(0), "served", saved_tokens=500, list_cost=Decimal(1)),
            call(free, Decimal(0), error_type="model"),
            call(Usage(input_tokens=9), Decimal(9), purpose="run", operation="invoke_agent"),
            call(Usage(input_tokens=9), Decimal(9), model="", purpose="tool", tool="t"),
        ],
    )
    (row,) = reprice(tmp_path, lambda _name: dear)
    assert (row["calls"], row["billed"], row["repriced"]) == (2, 0, 0)
    (row,) = reprice(tmp_path, lambda _name: None)
    assert (row["repriced"], row["unpriced_calls"]) == (0, 0)


def test_a_model_of_ones_own_is_free_until_it_has_a_rate(tmp_path: Path) -> None:
    usage = Usage(input_tokens=1000, output_tokens=10)
    write(
        tmp_path,
        [
            call(usage, Decimal(0), "self_hosted"),
            call(usage, Decimal(0), "estimated", "self_hosted"),
        ],
    )
    (row,) = reprice(tmp_path, lambda _name: None)
    assert (row["repriced"], row["unpriced_calls"]) == (0, 0)
    assert row["provenance"] == {"self_hosted": 2, "estimated": 1}
    by_the_hour = flat("0", usd_per_hour=Decimal("3.6"))
    (row,) = reprice(tmp_path, lambda _name: by_the_hour)
    assert row["repriced"] == Decimal("0.003")


@pytest.mark.slow
def test_groups_by_any_key_the_dearest_first(tmp_path: Path) -> None:
    usage = Usage(input_tokens=1_000_000)
    day = 86_400.0
    write(
        tmp_path,
        [
            call(usage, Decimal(1), run_id="r1", mode="agent", ts=day),
            call(usage, Decimal(2), run_id="r2", mode="instant", ts=2 * day, purpose="verify"),
            call(usage, Decimal(3), run_id="r1", mode="agent", ts=2 * day, model="a:c"),
        ],
    )

    def keys(*by: Any) -> list[tuple[Any, ...]]:
        rows = reprice(tmp_path, lambda _name: flat("1"), by=by)
        assert sum(row["repriced"] for row in rows) == 3
        return [tuple(row[key] for key in by) for row in rows]

    assert keys("model") == [("a:b",), ("a:c",)]
    assert keys("day") == [("1970-01-03",), ("1970-01-02",)]
    assert keys("purpose") == [("answer",), ("verify",)]
    assert keys("run", "model") == [("r1", "a:c"), ("r2", "a:b"), ("r1", "a:b")]
    assert keys("mode") == [("agent",), ("instant",)]
    with pytest.raises(LedgerError, match="colour") as caught:
        keys("colour")
    assert "purpose" in caught.value.hint


def test_a_price_is_asked_for_once_a_model_and_an_empty_ledger_has_none(tmp_path: Path) -> None:
    asked: list[str] = []

    def price_of(name: str) -> Price:
        asked.append(name)
        return TIERED

    assert reprice(tmp_path, price_of) == []
    write(tmp_path, [call(Usage(input_tokens=n), Decimal(0)) for n in (1, 150, 999)])
    reprice(tmp_path, price_of, by=("purpose",))
    assert asked == ["a:b"]


def test_a_model_that_appears_meanwhile_is_priced_too(tmp_path: Path) -> None:
    write(tmp_path, [call(Usage(input_tokens=300), Decimal(0))])

    def price_of(name: str) -> Price:
        if name == "a:b":
            write(tmp_path, [call(Usage(input_tokens=300), Decimal(0), model="a:late")])
        return TIERED if name == "a:late" else flat("1")

    rows = reprice(tmp_path, price_of)
    assert {row["model"]: row["repriced"] for row in rows} == {
        "a:b": Decimal("0.0003"),
        "a:late": Decimal("0.0012"),
    }
