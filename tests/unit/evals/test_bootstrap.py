from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support.outcomes import arm, outcome

from lean_agent import ConfigurationError
from lean_agent_evals.bootstrap import Bootstrap, Estimate, draws
from lean_agent_evals.outcome import Outcome

CHEAP = arm([True, False, True, True, False, True], ["1", "2", "1", "4", "3", "1"])
DEAR = arm([True, True, True, False, False, True], ["2", "4", "2", "8", "6", "2"])


def bootstrap(**arms: list[Outcome]) -> Bootstrap:
    return Bootstrap(arms, unit="usd", failure_cost=10)


def test_a_draw_holds_as_many_tasks_as_there_are() -> None:
    drawn = np.concatenate(list(draws(7, 1_001, seed=3)))
    assert drawn.shape == (1_001, 7)
    assert set(drawn.sum(axis=1)) == {7}
    fewer = np.concatenate(list(draws(7, 300, seed=3, drawn_tasks=4)))
    assert set(fewer.sum(axis=1)) == {4}
    assert not np.array_equal(drawn[:300], np.concatenate(list(draws(7, 300, seed=4))))


def test_two_tasks_have_four_equally_likely_resamples() -> None:
    """aa, ab, ba, bb: the pass rate is 1, 1/2, 1/2, 0; the mean cost 1, 2, 2, 3; so cost-of-pass is
    1, 4, 4 or infinite, and a quarter is far above 2.5 %."""
    found = bootstrap(x=arm([True, False], ["1", "3"]))
    assert found.figure("x", "pass_rate") == Estimate(0.5, 0, 1)
    assert found.figure("x", "cost") == Estimate(2, 1, 3)
    assert found.figure("x", "cost_of_pass") == Estimate(4, 1, math.inf)


def test_three_tasks_agree_with_every_possible_resample() -> None:
    costs = [1.0, 2.0, 6.0]
    found = bootstrap(x=arm([True] * 3, ["1", "2", "6"])).figure("x", "cost")
    means = sorted(sum(chosen) / 3 for chosen in itertools.product(costs, repeat=3))
    # Each of the 27 has 3.7 %, more than an end leaves out, so the interval holds them all.
    assert found == Estimate(3, means[0], means[-1])


def test_the_same_seed_gives_the_same_interval_in_any_order() -> None:
    first = Bootstrap({"x": CHEAP}, unit="usd", seed=1).figure("x", "cost_of_pass")
    again = Bootstrap({"x": CHEAP[::-1]}, unit="usd", seed=1).figure("x", "cost_of_pass")
    assert first == again


def test_pairs_are_drawn_together() -> None:
    """Every task costs twice as much, so every resample does, however much tasks differ."""
    found = bootstrap(cheap=CHEAP, dear=DEAR)
    assert found.ratio("dear", "cheap", "cost") == Estimate(2, 2, 2)
    alone = found.figure("dear", "cost")
    assert alone.high is not None
    assert alone.low is not None
    assert alone.high > 2 * alone.low
    change = found.difference("dear", "cheap", "pass_rate")
    assert change.value == 0
    assert change.low is not None
    assert change.low < 0


def test_epochs_are_averaged_inside_their_task() -> None:
    once = [outcome("a", cost="2"), outcome("b", cost="4", passed=False)]
    thrice = [
        outcome(o.task_id, cost=str(o.usage.cost), passed=o.passed, epoch=n)
        for o in once
        for n in range(3)
    ]
    single, repeated = bootstrap(x=once), bootstrap(x=thrice)
    for name in ("pass_rate", "cost", "cost_of_pass", "S_p95", "T@Succ"):
        assert single.figure("x", name) == repeated.figure("x", name)


def test_nothing_passes() -> None:
    found = bootstrap(x=arm([False] * 10), y=arm([True] * 10))
    assert found.figure("x", "cost_of_pass").value == math.inf
    assert found.figure("x", "T@Succ") == Estimate(None, None, None)
    assert found.ratio("x", "y", "cost_of_pass").value == math.inf
    assert found.ratio("y", "x", "cost_of_pass") == Estimate(0, 0, 0)
    assert found.ratio("x", "x", "cost_of_pass") == Estimate(None, None, None)


def test_tasks_that_all_agree_do_not_make_a_pass_rate_certain() -> None:
    """Clopper and Pearson: 0.025 ** (1/10) = 0.6915."""
    passed = bootstrap(x=arm([True] * 10)).figure("x", "pass_rate")
    failed = bootstrap(x=arm([False] * 10)).figure("x", "pass_rate")
    assert (passed.value, passed.high) == (1, 1)
    assert passed.low == pytest.approx(0.6915, abs=1e-4)
    assert (failed.value, failed.low) == (0, 0)
    assert failed.high == pytest.approx(0.3085, abs=1e-4)


def test_nor_do_they_make_what_a_pass_costs_certain() -> None:
    """By the same ends, with a cost of 1 each: 1 / 0.3085 = 3.2415 and 1 / 0.6915 = 1.4461; an
    unsolved task is priced at 10, so 1 + 10 x 0.6915 = 7.915 and 1 + 10 x 0.3085 = 4.085."""
    found = bootstrap(none=arm([False] * 10, ["1"] * 10), all=arm([True] * 10, ["1"] * 10))
    none, every = (found.figure(who, "cost_of_pass") for who in ("none", "all"))
    assert (none.value, none.high, every.value, every.low) == (math.inf, math.inf, 1, 1)
    assert (none.low, every.high) == pytest.approx((3.2415, 1.4461), abs=1e-3)
    none, every = (found.figure(who, "failure_priced_cost") for who in ("none", "all"))
    assert (none.value, none.high, every.value, every.low) == (11, 11, 1, 1)
    assert (none.low, every.high) == pytest.approx((7.915, 4.085), abs=1e-3)


def test_one_task_has_no_interval() -> None:
    found = bootstrap(x=arm([True], ["3"]), y=arm([True], ["6"]))
    assert found.figure("x", "pass_rate") == Estimate(1, None, None)
    assert found.ratio("y", "x", "cost") == Estimate(2, None, None)


def test_one_unknown_cost_makes_costs_unknown_and_leaves_the_rest() -> None:
    found = bootstrap(x=arm([True, False, True], ["1", None, "1"]), y=CHEAP[:3])
    assert found.figure("x", "cost_of_pass") == Estimate(None, None, None)
    assert found.ratio("y", "x", "cost") == Estimate(None, None, None)
    assert found.dominance("y", "x") is None
    assert found.figure("x", "pass_rate").value == pytest.approx(2 / 3)


def test_costs_of_zero() -> None:
    found = bootstrap(free=arm([True, False, True], ["0"] * 3), paid=arm([True, False, True]))
    assert found.figure("free", "cost_of_pass").value == 0
    assert found.ratio("paid", "free", "cost") == Estimate(math.inf, math.inf, math.inf)
    assert found.ratio("free", "free", "cost") == Estimate(None, None, None)
    assert found.dominance("free", "paid") == 1


def test_dominance_is_cheaper_and_as_good() -> None:
    found = bootstrap(cheap=CHEAP, dear=DEAR)
    assert found.dominance("cheap", "cheap") == 0
    # Cheap is cheaper in every resample; it passes as much unless task 1 is drawn more than task 3.
    drawn = np.concatenate(list(draws(6, 10_000, seed=0)))
    expected = np.mean(drawn[:, 3] >= drawn[:, 1])
    assert found.dominance("cheap", "dear") == pytest.approx(expected)
    assert found.dominance("dear", "cheap") == 0


def test_different_tasks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"2 are in one alone \(t5, t9\)") as caught:
        bootstrap(x=CHEAP, y=[*CHEAP[:5], outcome("t9")])
    assert "same suite" in caught.value.hint


def test_a_task_lost_to_infrastructure_in_one_arm_is_left_out_of_all() -> None:
    lost = [*CHEAP[:5], outcome("t5", ending="infrastructure")]
    found = bootstrap(x=lost, y=CHEAP)
    assert found.tasks == ("t0", "t1", "t2", "t3", "t4")
    assert found.figure("y", "pass_rate").value == pytest.approx(3 / 5)
    with pytest.raises(ConfigurationError, match="no task"):
        bootstrap(x=[outcome("a", ending="infrastructure")], y=[outcome("a")])
