"""What `gate report` says of a run, against figures that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.cli import in_process
from support.outcomes import outcome

from lean_agent import ConfigurationError, Usage
from lean_agent_evals.config import RunConfig
from lean_agent_evals.gate_bounds import ArmFigures, bounds
from lean_agent_evals.gate_calibration import Bin, binned, calibration_error
from lean_agent_evals.gate_plot import reliability_svg
from lean_agent_evals.gate_report import cheapest_mixture, judged
from lean_agent_evals.results import ResultsFolder

ARMS = ("auto", "instant", "agent")
SVG = "{http://www.w3.org/2000/svg}"


def chose(began: str, ended: str, rate: float, then: str | None = None) -> dict[str, Any]:
    """A line of trajectories.jsonl. The first call wrote 20 tokens, 80 token units."""
    way = f"{began}>{then}" if then else began
    foretold = [{"way": way, "pass_rate": rate, "cost": 1.0, "tried": 9}]
    decision = {"mode": began, "then": then, "sure": 0.5, "reason": "", "predictions": foretold}
    return {"decision": decision, "mode": ended, "calls": [Usage(output_tokens=20).to_dict()] * 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tasks a and c need no tool, b and d one; at e one arm is missing.

    a: instant is right. b: a sure instant answer is wrong, the agent right. c: the agent is taken,
    instant had done. d: a guess is dropped for the agent, which fails, too.
    """
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=ARMS, failure_cost=1_000.0))
    tasks = {"a": False, "b": True, "c": False, "d": True, "e": True}
    forced = {"instant": ("ac", 25), "agent": ("abce", 250)}
    for task, needs in tasks.items():
        for arm, (right, tokens) in forced.items():
            if (task, arm) != ("e", "instant"):
                made = outcome(
                    task, arm=arm, passed=task in right, tokens=tokens, needs_tools=needs, cost=None
                )
                results.append(made, {})
    for task, passed, tokens, calls, line in (
        ("a", True, 25, 0, chose("instant", "instant", 0.9)),
        ("b", False, 25, 0, chose("instant", "instant", 0.7, "agent")),
        ("c", True, 250, 2, chose("agent", "agent", 0.7)),
        ("d", False, 270, 1, chose("instant", "agent", 0.7, "agent")),
    ):
        made = outcome(
            task, arm="auto", passed=passed, tokens=tokens, needs_tools=tasks[task], cost=None
        )
        results.append(replace(made, tool_calls=calls), line)
    return results.path


def test_choices_are_judged_by_the_best_in_hindsight(folder: Path) -> None:
    found = judged(folder)
    assert (found.tasks, found.failure_cost) == (4, 1_000.0)
    assert found.modes == ("agent", "instant")
    # Chosen down, best in hindsight across: right at a and d alone.
    assert found.confusion == ((0, 1), (1, 2))
    assert found.overdone == 0.5  # c of a and c
    # Four token units an output token: 100 an instant answer, 1,000 an agent's.
    assert found.arms == {
        "auto": ArmFigures(0.5, 570.0, 1_070.0, 1_140.0),
        "instant": ArmFigures(0.5, 100.0, 600.0, 200.0),
        "agent": ArmFigures(0.75, 1_000.0, 1_250.0, 1_000 / 0.75),
        "best in hindsight": ArmFigures(0.75, 325.0, 575.0, 325 / 0.75),
    }
    assert found.gap.pass_rate == 0.25
    assert found.gap.cost_ratio == pytest.approx(570 / 325)
    assert found.gap.priced == 495.0
    assert found.cheapest_mixture == pytest.approx(100.0)
    assert [(one.foretold, one.actual, one.tasks) for one in found.bins] == [
        (pytest.approx(0.7), pytest.approx(1 / 3), 3),
        (0.9, 1.0, 1),
    ]
    assert found.calibration_error == pytest.approx((3 * (0.7 - 1 / 3) + 0.1) / 4)


def test_what_auto_is_to_keep_is_measured(folder: Path) -> None:
    found = judged(folder).bounds
    assert [one.measured for one in found] == [
        pytest.approx(-0.25),  # the agent passes most
        pytest.approx(0.57),
        pytest.approx(5.7),  # instant alone passes as many
        pytest.approx(1_070 / 600),
        0.5,  # c of a and c
        0.5,  # b of b and d: the guess at d was dropped
        pytest.approx(80 / 2_280),
    ]
    assert not any(one.held for one in found)


def test_every_attempt_at_a_task_counts(folder: Path) -> None:
    again = outcome("a", arm="auto", passed=False, tokens=25, epoch=1, needs_tools=False)
    ResultsFolder(folder).append(again, {})
    found = judged(folder)
    assert found.arms["auto"].pass_rate == 0.375
    assert found.bins[-1].actual == 0.5


AUTO = ArmFigures(0.68, 500.0, 900.0, 1.0)
MODES = {
    "instant": ArmFigures(0.3, 100.0, 1_500.0, 1.0),
    "agent": ArmFigures(0.7, 1_000.0, 900.0, 1.0),
}


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({}, [True, True, True, True, True, True, True]),
        ({"auto": replace(AUTO, pass_rate=0.679)}, [False, True, True, True, True, True, True]),
        ({"auto": replace(AUTO, cost=501.0)}, [True, False, False, True, True, True, True]),
        ({"mixture": None}, [True, True, True, True, True, True, True]),
        ({"auto": replace(AUTO, priced=901.0)}, [True, True, True, False, True, True, True]),
        (
            {"needless": 0.051, "instant": 0.101, "choosing": 0.03},
            [True, True, True, True, False, False, False],
        ),
        (
            {"needless": None, "instant": None, "choosing": None},
            [True, True, True, True, None, None, None],
        ),
    ],
)
def test_bounds_hold_to_their_ends(given: dict[str, Any], held: list[bool | None]) -> None:
    known: dict[str, Any] = {
        "auto": AUTO,
        "mixture": 500.0,
        "needless": 0.05,
        "instant": 0.1,
        "choosing": 0.029,
    }
    known |= given
    found = bounds(known.pop("auto"), MODES, others=list(MODES.values()), **known)
    assert [one.held for one in found] == held


def test_a_failures_price_in_dollars_is_no_number_of_token_units(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=ARMS, failure_cost=0.5))
    for arm, tokens in (("auto", 25), ("instant", 25), ("agent", 250)):
        results.append(outcome("a", arm=arm, tokens=tokens, cost="0.01"), {})
    assert judged(results.path).failure_cost == 10 * 4 * 250


def test_a_failure_may_cost_nothing(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=ARMS, failure_cost=0.0))
    for arm in ARMS:
        results.append(outcome("a", arm=arm, cost=None), {})
    assert judged(results.path).failure_cost == 0.0


def test_a_run_without_auto_is_refused(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "run")
    results.write_config(RunConfig(suite="x", arms=("instant", "agent")))
    with pytest.raises(ConfigurationError, match="has the arms instant, agent"):
        judged(results.path)


@pytest.mark.parametrize(
    ("wanted", "cost"), [(0.2, 100.0), (0.5, 550.0), (0.8, 1_000.0), (0.9, None)]
)
def test_the_cheapest_mixture_of_two_arms(wanted: float, cost: float | None) -> None:
    def figures(rate: float, cost: float) -> ArmFigures:
        return ArmFigures(rate, cost, 0.0, None)

    arms = [figures(0.2, 100), figures(0.8, 1_000), figures(0.5, 900)]
    found = cheapest_mixture(figures(wanted, 0), arms)
    assert found == (None if cost is None else pytest.approx(cost))


def test_bins_have_intervals_that_few_tasks_leave_wide() -> None:
    (two,) = binned([(0.4, 1.0), (0.5, 0.0), (0.4, 1.0), (0.5, 0.0)])
    assert (two.foretold, two.actual, two.tasks) == (pytest.approx(0.45), 0.5, 4)
    assert (two.low, two.high) == (pytest.approx(0.1500, abs=1e-4), pytest.approx(0.85, abs=1e-4))
    (none,) = binned([(1.0, 0.0)])
    assert (none.low, none.high) == (0.0, pytest.approx(0.7935, abs=1e-4))
    assert calibration_error([]) is None


def test_a_bin_is_drawn_with_a_mark_where_it_was_foretold() -> None:
    assert Bin(0.5, 0.25, 4, 0.0, 1.0).bar == "#####.....|.........."


def test_the_plot_has_each_bin_where_it_lies() -> None:
    drawn = ET.fromstring(reliability_svg([Bin(0.25, 0.5, 7, 0.2, 0.8)], 0.25))
    (point,) = drawn.iter(f"{SVG}circle")
    (even,) = drawn.iterfind(f"{SVG}line[@class='even']")

    def at(name: str) -> float:
        return float(even.get(name, ""))

    x, y = float(point.get("cx", "")), float(point.get("cy", ""))
    assert x == pytest.approx(at("x1") + 0.25 * (at("x2") - at("x1")), abs=0.1)
    assert y == pytest.approx(at("y1") + 0.5 * (at("y2") - at("y1")), abs=0.1)
    interval = next(drawn.iterfind(f"{SVG}line[@class='interval']"))
    span = float(interval.get("y1", "")) - float(interval.get("y2", ""))
    assert span == pytest.approx(0.6 * (at("y1") - at("y2")), abs=0.2)
    told = "".join(drawn.itertext())
    assert "error 0.250, 7 tasks" in told
    assert "actual 50% (20% to 80%)" in told


def test_the_command_tells_and_draws(folder: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    told = in_process("gate", "report", str(folder), "--plot", str(plot), folder=tmp_path)
    assert told.code == 0
    for line in (
        "gap to the best forced mode of each task: 25.0 points of the pass rate, 1.75 times",
        "the cheapest mixture of forced modes that passes as many as auto costs 100",
        "expected calibration error 0.300",
    ):
        assert line in told.out
    assert plot.read_text().startswith("<svg")
    data = in_process("gate", "report", str(folder), "--json", folder=tmp_path).json
    assert data["arms"]["instant"]["cost_of_pass"] == 200.0
    assert len(data["bounds"]) == 7


@pytest.mark.parametrize(
    ("name", "told"), [("plot.png", "is no name of an SVG file"), ("no/plot.svg", "cannot be")]
)
def test_a_plot_that_cannot_be_is_refused(
    name: str, told: str, folder: Path, tmp_path: Path
) -> None:
    ended = in_process(
        "gate", "report", str(folder), "--plot", str(tmp_path / name), folder=tmp_path
    )
    assert (ended.code, told in ended.err) == (2, True)
