from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.outcomes import outcome

from lean_agent import ConfigurationError
from lean_agent_evals.config import RunConfig
from lean_agent_evals.gate_report import ArmFigures, Bin, cheapest_mixture, judged
from lean_agent_evals.results import ResultsFolder

ARMS = ("auto", "instant", "agent")


def decision(mode: str, rate: float, then: str | None = None) -> dict[str, Any]:
    way = f"{mode}>{then}" if then else mode
    foretold = [{"way": way, "pass_rate": rate, "cost": 1.0, "tried": 9}]
    return {"mode": mode, "then": then, "sure": 0.5, "reason": "", "predictions": foretold}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tasks: at a instant is best in hindsight, at b only the agent passes."""
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=ARMS, failure_cost=1_000.0))
    rows: list[tuple[str, str, bool, int, dict[str, Any]]] = [
        ("a", "instant", True, 25, {}),
        ("a", "agent", True, 250, {}),
        ("a", "auto", True, 25, {"decision": decision("instant", 0.9)}),
        ("b", "instant", False, 25, {}),
        ("b", "agent", True, 250, {}),
        ("b", "auto", False, 25, {"decision": decision("instant", 0.7, "agent")}),
        ("c", "agent", True, 250, {}),
    ]
    for task, arm, passed, tokens, more in rows:
        results.append(outcome(task, arm=arm, passed=passed, tokens=tokens), more)
    return results.path


def test_choices_are_judged_by_the_best_in_hindsight(folder: Path) -> None:
    found = judged(folder)
    assert (found.tasks, found.failure_cost) == (2, 1_000.0)
    assert found.modes == ("agent", "instant")
    # Chosen down, best in hindsight across: instant was right once and wrong once.
    assert found.confusion == ((0, 0), (1, 1))
    # Four token units an output token.
    assert found.arms["auto"] == ArmFigures(0.5, 100.0, 600.0)
    assert found.arms["best in hindsight"] == ArmFigures(1.0, 550.0, 550.0)
    assert found.cheapest_mixture == pytest.approx(100.0)
    assert found.bins == (Bin(0.7, 0.0, 1), Bin(0.9, 1.0, 1))
    assert found.calibration_error == pytest.approx((0.7 + 0.1) / 2)


def test_a_run_without_auto_is_refused(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=("instant", "agent")))
    with pytest.raises(ConfigurationError, match="has the arms instant, agent"):
        judged(results.path)


@pytest.mark.parametrize(
    ("wanted", "cost"), [(0.2, 100.0), (0.5, 550.0), (0.8, 1_000.0), (0.9, None)]
)
def test_the_cheapest_mixture_of_two_arms(wanted: float, cost: float | None) -> None:
    arms = [ArmFigures(0.2, 100, 0), ArmFigures(0.8, 1_000, 0), ArmFigures(0.5, 900, 0)]
    found = cheapest_mixture(ArmFigures(wanted, 0, 0), arms)
    assert found == (None if cost is None else pytest.approx(cost))


def test_a_bin_is_drawn_with_a_mark_where_it_was_foretold() -> None:
    assert Bin(0.5, 0.25, 4).bar == "#####.....|.........."
