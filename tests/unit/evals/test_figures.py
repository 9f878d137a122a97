"""Every expected number is computed by hand from the outcomes beside it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from support.outcomes import arm, outcome

from lean_agent import ConfigurationError, Usage
from lean_agent_evals.figures import default_failure_cost, summarise
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.table import common_unit


def used(**given: Any) -> Usage:
    return Usage(cost=Decimal(1), **given)


def test_cost_of_pass_is_mean_cost_over_pass_rate() -> None:
    found = summarise(arm([True, False, True, False], ["1", "2", "3", "6"]), unit="usd")
    assert found.figures["pass_rate"] == 0.5
    assert found.figures["cost"] == 3
    assert found.figures["cost_of_pass"] == 6


def test_the_frontier_is_the_mean_over_tasks_of_what_each_pass_costs() -> None:
    outcomes = [
        outcome("a", cost="2"),
        outcome("a", cost="4", passed=False, epoch=1),  # a: mean 3, passes half the time: 6
        outcome("b", cost="1"),
        outcome("b", cost="1", epoch=1),  # b: 1
    ]
    assert summarise(outcomes, unit="usd").figures["frontier_cost_of_pass"] == 3.5
    outcomes.append(outcome("c", cost="1", passed=False))
    assert summarise(outcomes, unit="usd").figures["frontier_cost_of_pass"] == math.inf
    # The unsolved one costs its price, and so does a pass that is dearer than that.
    priced = summarise(outcomes, unit="usd", failure_cost=5).figures["frontier_cost_of_pass"]
    assert priced == pytest.approx((5 + 1 + 5) / 3)


def test_a_failure_has_a_price() -> None:
    cheap = arm([True, False, False, False], ["1", "1", "1", "1"])
    dear = arm([True, True, True, False], ["5", "5", "5", "5"])
    prices = [
        summarise(found, unit="usd", failure_cost=100).figures["failure_priced_cost"]
        for found in (cheap, dear)
    ]
    assert prices == [1 + 75, 5 + 25]
    assert summarise(cheap, unit="usd").figures["failure_priced_cost"] is None
    assert default_failure_cost(dear, unit="usd") == 50


def test_the_published_trap_of_cheap_guessing() -> None:
    """Specification: 3 of 12 at 58 units, v = 234 (rounded there); 4 of 12 at 400, v = 1,194."""
    guess = [
        outcome(f"t{n}", passed=n < 3, usage=used(input_tokens=18, output_tokens=10))
        for n in range(12)
    ]
    search = [
        outcome(f"t{n}", passed=n < 4, usage=used(input_tokens=360, output_tokens=10))
        for n in range(12)
    ]
    assert summarise(guess, unit="token_units").figures["cost_of_pass"] == pytest.approx(4 * 58)
    assert summarise(search, unit="token_units").figures["cost_of_pass"] == pytest.approx(3 * 400)
    # With a failure at ten times the search's cost, searching is the cheaper of the two.
    price = default_failure_cost(search, unit="token_units")
    assert price == pytest.approx(4_000)
    priced = [
        summarise(found, unit="token_units", failure_cost=price).figures["failure_priced_cost"]
        for found in (guess, search)
    ]
    assert priced == [pytest.approx(58 + 3_000), pytest.approx(400 + 4_000 * 2 / 3)]


def test_token_units_are_input_plus_four_outputs_with_cached_input_at_a_tenth() -> None:
    usage = used(input_tokens=1_000, cache_read_input_tokens=600, output_tokens=50)
    assert summarise([outcome("t", usage=usage)], unit="token_units").figures["cost"] == 660


def test_tokens_steps_and_calls_of_all_attempts_and_of_passed_ones() -> None:
    outcomes = [
        outcome(
            "a",
            usage=used(
                input_tokens=1_000,
                cache_read_input_tokens=400,
                output_tokens=30,
                reasoning_output_tokens=20,
            ),
            steps=4,
            tool_calls=3,
        ),
        outcome(
            "b",
            passed=False,
            usage=used(input_tokens=200, output_tokens=10),
            steps=8,
            tool_calls=9,
        ),
    ]
    found = summarise(outcomes, unit="usd").figures
    everyone = ["T@All", "S@All", "tool_calls@All", "uncached@All", "cached@All", "reasoning@All"]
    assert [found[name] for name in everyone] == [20, 6, 6, 400, 200, 10]
    passed = ["T@Succ", "S@Succ", "tool_calls@Succ", "uncached@Succ", "cached@Succ"]
    assert [found[name] for name in passed] == [30, 4, 3, 600, 400]


def test_e3_is_accuracy_in_percent_squared_over_tokens_written() -> None:
    outcomes = [outcome("a", tokens=400), outcome("b", tokens=600, passed=False)]
    assert summarise(outcomes, unit="usd").figures["E3"] == pytest.approx(50**2 / 500)
    assert summarise([outcome("a", tokens=0)], unit="usd").figures["E3"] is None


def test_isr_and_ise_are_over_tasks_with_required_entities() -> None:
    outcomes = [
        outcome("a", entities_required=10, entities_found=5, tool_calls=20),
        outcome("b", entities_required=4, entities_found=4, tool_calls=2),
        outcome("c", tool_calls=7),
        outcome("d", entities_required=2, tool_calls=0, passed=False),
    ]
    found = summarise(outcomes, unit="usd").figures
    assert found["ISR"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert found["ISE"] == pytest.approx((0.25 + 2 + 0) / 3)
    assert found["ISE_as_published"] == pytest.approx((0.5 + 2 + 0) / 3)
    assert summarise([outcome("c")], unit="usd").figures["ISR"] is None


def test_needless_calls_are_counted_where_none_was_needed() -> None:
    outcomes = [
        outcome("a", needs_tools=False, tool_calls=2),
        outcome("b", needs_tools=False),
        outcome("c", needs_tools=True, tool_calls=5),
        outcome("d", needs_tools=None, tool_calls=5),
    ]
    assert summarise(outcomes, unit="usd").figures["needless_tool_rate"] == 0.5
    assert summarise(outcomes[2:], unit="usd").figures["needless_tool_rate"] is None


def test_percentiles_are_of_attempts_with_each_task_weighing_the_same() -> None:
    seconds = [outcome(f"t{n}", seconds=float(n + 1), steps=n) for n in range(20)]
    found = summarise(seconds, unit="usd").figures
    assert (found["seconds"], found["seconds_p50"], found["seconds_p95"]) == (10.5, 10, 19)
    assert found["S_p95"] == 18
    # One task tried nine times does not outvote another.
    uneven = [outcome("a", seconds=1.0, epoch=n) for n in range(9)] + [outcome("b", seconds=5.0)]
    found = summarise(uneven, unit="usd").figures
    assert (found["seconds"], found["seconds_p50"], found["seconds_p95"]) == (3, 1, 5)


def test_infrastructure_failures_are_counted_and_in_no_figure() -> None:
    outcomes = [
        outcome("a", cost="1"),
        outcome("b", cost="3", passed=False),
        outcome("b", cost="99", ending="infrastructure", epoch=1),
        outcome("c", cost="99", ending="infrastructure"),
        outcome("d", cost="2", passed=False, ending="limit"),
    ]
    found = summarise(outcomes, unit="usd")
    assert (found.tasks, found.attempts) == (3, 5)
    assert found.endings == {"answered": 1, "wrong": 1, "limit": 1, "infrastructure": 2}
    assert found.figures["pass_rate"] == pytest.approx(1 / 3)
    assert found.figures["cost"] == 2


def test_nothing_passes() -> None:
    found = summarise(arm([False, False]), unit="usd").figures
    assert found["pass_rate"] == 0
    assert found["cost_of_pass"] == math.inf
    assert found["T@Succ"] is None
    assert found["E3"] == 0


def test_an_unknown_cost_is_never_free() -> None:
    found = summarise(arm([True, True], ["1", None]), unit="usd").figures
    assert found["cost"] is None
    assert found["cost_of_pass"] is None
    assert found["pass_rate"] == 1
    assert summarise(arm([True], [None]), unit="token_units").figures["cost"] == 400


def test_a_judge_is_kept_apart() -> None:
    judged = outcome("t", cost="1", judge=Usage(cost=Decimal("0.25")))
    found = summarise([judged], unit="usd").figures
    assert (found["cost"], found["judge_cost"]) == (1, 0.25)
    unknown = outcome("t", cost="1", judge=Usage(cost=None))
    found = summarise([unknown], unit="usd").figures
    assert (found["cost"], found["judge_cost"]) == (1, None)


def test_flops_are_unknown_if_one_attempts_are() -> None:
    both = [outcome("a", flops=1e9), outcome("b", flops=3e9)]
    assert summarise(both, unit="usd").figures["flops"] == 2e9
    assert summarise([*both, outcome("c")], unit="usd").figures["flops"] is None


def self_hosted(task: str) -> Outcome:
    return outcome(task, usage=Usage(output_tokens=5, provenance=frozenset({"self_hosted"})))


def test_machine_time_without_a_rate_is_never_mixed_with_money() -> None:
    mixed = [outcome("a"), self_hosted("b")]
    with pytest.raises(ConfigurationError, match=r"b of arm .* no price") as caught:
        summarise(mixed, unit="usd")
    assert "token units" in caught.value.hint
    assert summarise(mixed, unit="token_units").figures["cost"] == pytest.approx((400 + 20) / 2)


def test_the_common_unit_is_money_only_if_all_were_billed() -> None:
    assert common_unit([outcome("a"), outcome("b")]) == "usd"
    assert common_unit([outcome("a"), self_hosted("b")]) == "token_units"
    assert common_unit([outcome("a"), outcome("b", cost=None)]) == "token_units"


@pytest.mark.parametrize("outcomes", [[], [outcome("a", ending="infrastructure")]])
def test_without_an_attempt_that_counts_every_figure_is_unknown(outcomes: list[Outcome]) -> None:
    found = summarise(outcomes, unit="usd")
    assert found.tasks == 0
    assert set(found.figures.values()) == {None}
