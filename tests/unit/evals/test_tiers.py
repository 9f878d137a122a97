from __future__ import annotations

import numpy as np
import pytest
from support.outcomes import arm, outcome

from lean_agent import ConfigurationError
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.tiers import Tier, is_stable, tasks_needed, tiers


def arms(rates: dict[str, float], tasks: int, seed: int = 0) -> dict[str, list[Outcome]]:
    rng = np.random.default_rng(seed)
    return {
        name: [outcome(f"t{n}", passed=bool(rng.random() < rate)) for n in range(tasks)]
        for name, rate in rates.items()
    }


def test_far_apart_arms_are_ranked_by_few_tasks_and_near_ones_by_many() -> None:
    far = tiers(arms({"a": 0.1, "b": 0.5, "c": 0.9}, 500), "pass_rate", unit="usd")
    near = tiers(arms({"a": 0.45, "b": 0.5, "c": 0.55}, 500), "pass_rate", unit="usd")
    assert [tier.tasks for tier in far] == [20, 50, 100, 200, 500]
    assert tasks_needed(far) in {20, 50}
    assert tasks_needed(near) is None
    assert far[0].agreement > near[0].agreement
    assert [tier.agreement for tier in near] == sorted(tier.agreement for tier in near)


def test_two_arms_by_hand() -> None:
    """One of two tasks tells them apart: of one task drawn, half the draws rank them (tau 1) and
    half find a tie (0); of two, a quarter tie."""
    both = {"a": arm([True, True]), "b": arm([True, False])}
    one, two = tiers(both, "pass_rate", unit="usd", sizes=[1])
    assert (one.tasks, one.dior, two.tasks, two.dior) == (1, 0, 2, 0)
    assert one.agreement == pytest.approx(0.5, abs=0.05)
    assert two.agreement == pytest.approx(0.75, abs=0.05)


def test_equal_arms_are_never_ranked() -> None:
    same = arm([True, False] * 20)
    assert tasks_needed(tiers({"a": same, "b": same}, "cost_of_pass", unit="usd")) is None


def test_an_arm_that_never_passes_can_be_ranked_by_cost_of_pass() -> None:
    both = {"never": arm([False] * 50), "always": arm([True] * 50)}
    assert tiers(both, "cost_of_pass", unit="usd")[0] == Tier(20, 1.0, 1.0)


def test_stable_means_from_there_on() -> None:
    found = [Tier(20, 0.99, 0.95), Tier(50, 0.9, 0.4), Tier(100, 0.99, 0.9), Tier(200, 1.0, 1.0)]
    assert tasks_needed(found) == 100
    assert tasks_needed(found, reliability=0.3) == 20
    assert tasks_needed(found[:2]) is None


def test_an_unknown_figure_has_no_ranking() -> None:
    with pytest.raises(ConfigurationError, match="cost is unknown for b"):
        tiers({"a": arm([True]), "b": arm([True], [None])}, "cost", unit="usd")


def test_attempts_of_which_none_counts_rank_nobody() -> None:
    gone = [outcome(f"t{n}", passed=False, ending="infrastructure") for n in range(20)]
    assert not is_stable({"a": gone, "b": gone})
    assert not is_stable({"a": gone, "b": [outcome(f"t{n}") for n in range(20)]})
    assert is_stable(
        {"a": [outcome(f"t{n}", passed=False) for n in range(20)], "b": arm([True] * 20)}
    )
