from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.outcomes import arm, outcome

from lean_agent import ConfigurationError
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.report.arms import standing
from lean_agent_evals.report.measures import measure


def named(name: str, passed: Sequence[bool], cost: str | None = "1") -> list[Outcome]:
    return arm(passed, [cost] * len(passed), arm=name)


def test_standings_follow_pass_rate_cost_and_the_floor() -> None:
    outcomes = [
        *named("guess", [True, False, False, False], "1"),
        *named("cheap", [True, True, False, False], "2"),
        *named("dear", [True, True, False, False], "5"),
        *named("best", [True, True, True, False], "9"),
    ]
    found = measure({"quality_floor": 0.5}, outcomes)
    assert {arm.name: standing(arm) for arm in found.arms} == {
        "guess": "below the quality floor",
        "cheap": "on the frontier",
        "dear": "dominated",
        "best": "on the frontier",
    }


def test_arms_come_in_the_order_of_the_configuration_then_by_name() -> None:
    outcomes = [o for name in ("c", "a", "b", "d") for o in named(name, [True])]
    found = measure({"arms": ["d", "gone", "b"]}, outcomes)
    assert [arm.name for arm in found.arms] == ["d", "b", "a", "c"]


def test_equal_arms_share_the_frontier() -> None:
    found = measure({}, [*named("a", [True, False]), *named("b", [False, True])])
    assert [arm.on_frontier for arm in found.arms] == [True, True]


def test_figures_are_those_of_the_tasks_that_every_arm_attempted() -> None:
    outcomes = [*named("a", [True, True, False, False]), *named("b", [True, False])]
    found = measure({}, outcomes)
    assert found.tasks == 2
    assert [arm.value("pass_rate") for arm in found.arms] == [1.0, 0.5]
    assert any(notice.startswith("2 tasks were not attempted") for notice in found.notices)


def test_no_task_in_common_leaves_no_figures_but_a_notice() -> None:
    found = measure({}, [outcome("x", arm="a"), outcome("y", arm="b")])
    assert found.tasks == 0
    assert [standing(arm) for arm in found.arms] == ["no figures", "no figures"]
    assert any("there are no figures" in notice for notice in found.notices)


def test_infrastructure_failures_are_counted_and_in_no_figure() -> None:
    outcomes = [outcome("x"), outcome("y", passed=False, ending="infrastructure")]
    found = measure({}, outcomes)
    assert found.arms[0].value("pass_rate") == 1.0
    assert found.arms[0].endings == {"answered": 1, "infrastructure": 1}
    assert any(notice.startswith("1 attempts ended in an infra") for notice in found.notices)


def test_an_arm_of_unknown_cost_is_not_called_dominated() -> None:
    found = measure({"unit": "usd"}, [*named("a", [True], None), *named("b", [True])])
    assert [standing(arm) for arm in found.arms] == ["of unknown cost", "on the frontier"]
    assert any("no known price" in notice for notice in found.notices)


def test_the_price_of_failure_is_the_users_or_ten_agent_attempts() -> None:
    outcomes = [*named("agent", [True, False], "3"), *named("auto", [True, False], "1")]
    assert measure({}, outcomes).failure_cost == pytest.approx(30)
    assert measure({"failure_cost": 8}, outcomes).failure_cost == 8
    assert measure({}, named("auto", [True])).failure_cost is None


def test_dollars_for_an_unpriced_machine_are_refused() -> None:
    from lean_agent import Usage

    usage = Usage(output_tokens=5, provenance=frozenset({"self_hosted"}))
    with pytest.raises(ConfigurationError, match="has no price"):
        measure({"unit": "usd"}, [outcome("x", usage=usage)])
    assert measure({}, [outcome("x", usage=usage)]).unit == "token_units"
