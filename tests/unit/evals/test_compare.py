from __future__ import annotations

import numpy as np
import pytest
from support.outcomes import arm, outcome

from lean_agent import ConfigurationError
from lean_agent_evals.compare import above_floor, compare, gate
from lean_agent_evals.outcome import Outcome


def many(passed: int, of: int = 200, *, cost: str = "1", **given: int) -> list[Outcome]:
    return arm([n < passed for n in range(of)], [cost] * of, **given)


def test_every_figure_is_compared_and_changed_tasks_are_named() -> None:
    old = arm([True, False, True, False], ["1", "1", "1", "1"])
    new = arm([True, True, False, True], ["2", "2", "2", "2"])
    found = compare(new, old, unit="usd", failure_cost=10)
    assert (found.newly_passed, found.newly_failed) == (("t1", "t3"), ("t2",))
    assert found.pass_rate.difference == 0.25
    change = found.figures["cost_of_pass"]
    assert (change.new.value, change.old.value) == (pytest.approx(8 / 3), 2)
    assert change.ratio.value == pytest.approx(4 / 3)
    assert change.difference.value == pytest.approx(2 / 3)
    assert found.figures["failure_priced_cost"].difference.value == pytest.approx(1 - 2.5)


def test_a_task_changes_where_half_its_attempts_do() -> None:
    def attempts(*passed: bool) -> list[Outcome]:
        return [outcome("t", passed=right, epoch=n) for n, right in enumerate(passed)]

    mostly, half, rarely = (
        attempts(True, True, False),
        attempts(True, False),
        attempts(True, False, False),
    )
    assert compare(half, rarely, unit="usd").newly_passed == ("t",)
    assert compare(rarely, mostly, unit="usd").newly_failed == ("t",)
    same = compare(mostly, half, unit="usd")
    assert (same.newly_passed, same.newly_failed) == ((), ())


def test_dominance_goes_both_ways() -> None:
    found = compare(many(150, cost="2"), many(150, cost="1"), unit="usd")
    assert (found.dominates, found.dominated) == (0, 1)


def test_the_gate_passes_a_change_that_is_no_worse() -> None:
    decision = gate(many(150), many(150), unit="usd")
    assert decision.verdict == "pass"
    assert decision.reasons == (
        "accuracy held: the pass rate changed by +0.0% (-1.3% to +1.3%, 5% may be lost)",
    )


def test_the_gate_fails_a_dearer_change_at_held_accuracy() -> None:
    decision = gate(many(150, cost="1.5"), many(150, cost="1"), unit="usd")
    assert decision.verdict == "fail"
    assert decision.reasons[0] == "cost-of-pass is 1.50 (1.50 to 1.50) times what it was"


def test_the_gate_fails_a_longer_tail_of_steps() -> None:
    """The mean is the same: only the slowest tenth takes longer."""
    old = [outcome(f"t{n}", steps=5) for n in range(200)]
    new = [outcome(f"t{n}", steps=14 if n % 10 == 0 else 4) for n in range(200)]
    decision = gate(new, old, unit="usd")
    assert decision.verdict == "fail"
    assert decision.reasons[0] == "the 95th percentile of steps rose by 9 (9 to 9)"


def test_the_gate_fails_lost_accuracy_however_cheap() -> None:
    decision = gate(many(100, cost="0.1"), many(150), unit="usd")
    assert decision.verdict == "fail"
    assert decision.reasons[0].startswith("accuracy was lost: the pass rate changed by -25.0%")


def test_the_gate_is_inconclusive_on_few_tasks_or_without_a_cost() -> None:
    few = gate(many(3, of=4, cost="9"), many(3, of=4), unit="usd")
    assert few.verdict == "inconclusive"
    assert few.reasons[0].startswith("too few tasks to tell")
    unpriced = arm([True] * 200, [None] * 200)
    unknown = gate(unpriced, many(200), unit="usd")
    assert (unknown.verdict, unknown.reasons[0]) == (
        "inconclusive",
        "cost-of-pass cannot be compared",
    )


@pytest.mark.slow
def test_noise_alone_seldom_fails_the_gate() -> None:
    """Two runs of one arm: the interval of 95 % is above no change in 2.5 %, of each of two."""
    rng = np.random.default_rng(4)

    def run() -> list[Outcome]:
        return [
            outcome(
                f"t{n}",
                passed=bool(rng.random() < 0.7),
                cost=f"{rng.lognormal(0, 1):.6f}",
                steps=int(rng.poisson(5)),
            )
            for n in range(100)
        ]

    verdicts = [gate(run(), run(), unit="usd", margin=0.25).verdict for _ in range(20)]
    assert verdicts.count("fail") <= 4


def test_a_cheap_guesser_is_below_the_floor() -> None:
    arms = {
        "guess": many(40),
        "search": many(120),
        "down": [outcome("t0", ending="infrastructure")],
    }
    assert list(above_floor(arms, 0.5)) == ["search"]
    assert list(above_floor(arms, 0.2)) == ["guess", "search"]


def test_different_tasks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not given the same tasks"):
        compare(many(1, of=3), many(1, of=4), unit="usd")
