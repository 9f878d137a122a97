from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from support.outcomes import outcome
from typer.testing import CliRunner

from lean_agent import Usage
from lean_agent_evals.amortising import amortised, break_even
from lean_agent_evals.cli import app
from lean_agent_evals.config import RunConfig
from lean_agent_evals.results import ResultsFolder
from lean_agent_planners.domains.game24 import planner
from lean_agent_planners.library import load_domain

GAMES = ["4 6 8 10", "3 3 8 8", "1 5 5 5", "2 3 5 12"]
STUCK = "def successors(state):\n    return []\n\ndef is_goal(state):\n    return False\n"
PLANNER = Path(planner.__file__).read_text()


def test_the_making_is_shared_by_the_instances() -> None:
    assert amortised(1_000, 0, 1, 1) == 1_000
    assert amortised(1_000, 5, 0.5, 100) == (1_000 + 500) / 50
    assert amortised(1_000, 5, 1, 1_000) == 6
    assert math.isinf(amortised(1_000, 5, 0, 100))
    assert math.isinf(amortised(math.inf, 0, 1, 1_000))


@pytest.mark.parametrize(
    ("making", "each", "rate", "other", "expected"),
    [
        (1_000, 0, 1, 100, 10),
        (1_001, 0, 1, 100, 11),
        (1_000, 20, 0.5, 100, 34),  # (1,000 + 34 x 20) / 17 = 98.8, and 100.6 for 33
        (1_000, 100, 1, 100, None),
        (1_000, 50, 0.5, 100, None),
        (0, 50, 0.5, 100, 1),
        (1_000, 0, 1, math.inf, 1),
        (1_000, 0, 0, 100, None),
        (math.inf, 0, 1, 100, None),
    ],
)
def test_from_where_on_it_pays(
    making: float, each: float, rate: float, other: float, expected: int | None
) -> None:
    assert break_even(making, each, rate, other) == expected
    if expected is not None and math.isfinite(other):
        assert amortised(making, each, rate, expected) <= other
        if expected > 1:
            assert amortised(making, each, rate, expected - 1) > other


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Four games: agent passes one of them at 150 token units each, instant none."""
    data = tmp_path / "game24"
    data.mkdir()
    lines = [f"{number},{game}" for number, game in enumerate(GAMES)]
    (data / "24.csv").write_text("\n".join(["Rank,Puzzles", *lines]))
    from lean_agent_evals.suites.planning import Planning

    suite = Planning(data)
    split = "dev" if len(suite.tasks("dev")) >= 2 else "test"
    tasks = suite.tasks(split)
    folder = ResultsFolder(tmp_path / "results")
    arms = ("instant", "agent", "plan")
    config = RunConfig(suite=f"planning:{data}", split=split, arms=arms, model="local:m")
    folder.write_config(config)
    for number, task in enumerate(tasks):
        for arm, tokens in (("instant", (30, 5)), ("agent", (110, 10)), ("plan", (0, 0))):
            usage = Usage(
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                provenance=frozenset({"self_hosted"}),
            )
            passed = arm == "plan" or (arm == "agent" and number == 0)
            folder.append(outcome(task.id, arm=arm, passed=passed, usage=usage), {})
    return folder.path


DOMAIN = load_domain("game24")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / f"game24-{DOMAIN.fingerprint}-local-m"
    folder.mkdir()
    return folder


def record(path: Path, seed: int, code: str | None, **given: Any) -> None:
    usage = {"input_tokens": 400, "cache_read_input_tokens": 0, "output_tokens": 150}
    data = {"seed": seed, "calls": 2, "usage": usage, "code": code, **given}
    (path / f"{seed}.json").write_text(json.dumps(data))


def told(*arguments: object) -> dict[str, Any]:
    found = CliRunner().invoke(app, ["amortise", *map(str, arguments), "--json"])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_tries_that_came_to_nothing_are_paid_by_the_planners_made(
    results: Path, records: Path
) -> None:
    record(records, 0, PLANNER)
    record(records, 1, None)
    found = told(results, "--making", records)
    learned = found["learned"]
    assert (learned["made"], learned["tries"], learned["pass_rate"]) == (1, 2, 1)
    assert learned["making_cost"] == 2 * (400 + 4 * 150)
    assert learned["cost_of_pass"] == {"1": 2_000, "10": 200, "100": 20, "1000": 2}
    arms = {row["arm"]: row for row in found["arms"]}
    tasks = found["tasks"]
    assert arms["agent"]["cost_of_pass"] == 150 * tasks
    assert arms["agent"]["planner_breaks_even_at"] == math.ceil(2_000 / (150 * tasks))
    assert arms["agent"]["times_as_dear"]["100"] == 150 * tasks / 20
    assert (arms["instant"]["cost_of_pass"], arms["instant"]["planner_breaks_even_at"]) == (
        "infinite",
        1,
    )
    assert "planner_breaks_even_at" not in arms["plan"]  # the shipped planner has no making


def test_a_planner_that_solves_none_has_no_finite_cost(results: Path, records: Path) -> None:
    record(records, 0, STUCK)
    found = told(results, "--making", records)
    assert found["learned"]["pass_rate"] == 0
    assert found["learned"]["cost_of_pass"]["1000"] == "infinite"
    assert all(row.get("planner_breaks_even_at") is None for row in found["arms"])
    shown = CliRunner().invoke(app, ["amortise", str(results), "--making", str(records)])
    assert shown.exit_code == 0
    assert "none solved" in shown.stdout
    assert "never" in shown.stdout
    assert "not compared" in shown.stdout


def test_what_does_not_fit_is_refused(results: Path, records: Path, tmp_path: Path) -> None:
    for folder, said in ((tmp_path, "no records of game24 as it is now"), (records, "no record")):
        found = CliRunner().invoke(app, ["amortise", str(results), "--making", str(folder)])
        assert said in str(found.exception)
    record(records, 0, None, usage=None)
    found = CliRunner().invoke(app, ["amortise", str(results), "--making", str(records)])
    assert "no record of learning" in str(found.exception)
