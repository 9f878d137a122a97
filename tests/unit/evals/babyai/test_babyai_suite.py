from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import pytest
from support.outcomes import result

from lean_agent import Agent, ConfigurationError, Ledger, ModelCard, RunContext
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals.check import check_suite
from lean_agent_evals.cli.suites import list_suites
from lean_agent_evals.registry import open_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.babyai import BabyAI
from lean_agent_evals.suites.babyai.attempt import MissionAttempt
from lean_agent_evals.suites.babyai.levels import LEVELS
from lean_agent_evals.suites.babyai.world import World, _gymnasium  # pyright: ignore[reportPrivateUsage]

pytest.importorskip("minigrid", reason='needs minigrid: pip install "lean-agent[babyai]"')

SUITE = BabyAI()
CONTEXT = RunContext(run_id="test")


async def act(attempt: MissionAttempt, *actions: str) -> list[str]:
    (tool,) = attempt.tools
    return [await tool.call({"action": action}, CONTEXT) for action in actions]


def first() -> MissionAttempt:
    """Minigrid's seed 4, one of the recorded."""
    return MissionAttempt(World("GoToRedBallGrey", 4))


@pytest.mark.slow
async def test_the_first_of_each_hardness_are_valid() -> None:
    assert isinstance(SUITE, Suite)
    assert await check_suite(SUITE, count=4) == []


@pytest.mark.slow
async def test_the_suite_is_valid() -> None:
    """So that BabyAI's bot reaches every goal, through our tool."""
    assert await check_suite(SUITE, seeds=(1,)) == []
    tasks = SUITE.tasks("dev")
    assert [SUITE.best(task) for task in tasks] == [1.0] * len(tasks)


@pytest.mark.slow
def test_any_four_tasks_in_a_row_are_of_every_hardness() -> None:
    tasks = SUITE.tasks("dev")
    assert len(tasks) == 3 * len(LEVELS) == 60
    for start in range(len(tasks) - 3):
        assert {task.level for task in islice(tasks, start, start + 4)} == {1, 2, 3, 4}


@pytest.mark.slow
def test_a_seed_of_a_level_is_in_one_split_and_in_the_tasks_name() -> None:
    dev, test = (
        {
            (task.data["level"], task.data["seed"])
            for seed in (0, 1)
            for task in SUITE.tasks(split, seed=seed)
        }
        for split in ("dev", "test")
    )
    assert len(dev) == len(test) == 120
    assert not dev & test
    task = SUITE.tasks("test", seed=1)[2]
    assert task.id == f"test-GoTo-{task.data['seed']}"
    assert 1_000 <= task.data["seed"] < 1_020


async def test_a_mission_by_the_tool() -> None:
    """As recorded: left, forward, forward, for a reward of 0.957812."""
    attempt = first()
    seen = await act(attempt, "turn left", "go forward", "go forward", "turn left")
    assert "You see a red ball 2 steps forward" in seen[1]
    # Nothing moves after the end.
    assert seen[2:] == ["The goal is reached."] * 2
    score = attempt.score(result("whatever is said"))
    assert (score.value, score.passed) == (1.0, True)
    assert score.detail == "reached in 3 of 64 steps, reward 0.9578"


async def test_a_mission_that_is_not_accomplished_scores_0_whatever_is_said() -> None:
    attempt = first()
    seen = await act(attempt, *["turn left"] * 64)
    assert seen[-1] == "It is over: the goal was missed."
    score = attempt.score(result("done"))
    assert (score.value, score.passed) == (0.0, False)
    assert score.detail == "not reached in 64 of 64 steps, reward 0.0000"


async def test_two_attempts_at_one_task_share_nothing() -> None:
    (task,) = SUITE.tasks("dev", count=1)
    with SUITE.open(task) as one, SUITE.open(task) as other:
        await act(one, "turn left", "turn left")
        assert await act(one, "turn left") != await act(other, "turn left")


async def test_the_same_step_twice_is_two_steps(tmp_path: Path) -> None:
    """The run's memory of earlier calls must not answer for the world."""
    attempt = first()
    steps = [
        json.dumps({"tool": "act", "arguments": {"action": action}})
        for action in ("turn left", "go forward", "go forward")
    ]
    model = ScriptedModel(
        [*steps, '{"tool":"answer"}', "done"],
        card=ModelCard(action_format="schema", self_hosted=True),
    )
    agent = Agent(model=model, ledger=Ledger(tmp_path), tools=attempt.tools, allow=["*"])
    run = await agent.run("Go to the red ball.", mode="agent")
    assert run.trajectory[-1].observation == "The goal is reached."
    assert not any(step.served for step in run.trajectory)
    assert attempt.score(run).passed


def test_a_small_model_reads_little() -> None:
    (spec,) = [tool.spec for tool in first().tools]
    assert (spec.side_effects, spec.concurrency_safe) == (True, False)
    assert len(json.dumps(dict(spec.parameters))) < 250
    assert len(MissionAttempt.instructions) < 450
    assert max(len(task.question) for task in SUITE.tasks("dev")) < 1_500


@pytest.mark.slow
def test_without_minigrid_it_is_listed_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _gymnasium.cache_clear()
    monkeypatch.setitem(sys.modules, "minigrid.envs.babyai.core", None)
    with pytest.raises(ConfigurationError, match="minigrid is not installed") as caught:
        open_suite("babyai").tasks("dev", count=1)
    assert caught.value.hint == "pip install 'lean-agent[babyai]'"
    list_suites(json_=True)
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["suite"] == "babyai"]
    assert row["tasks"] is None
    assert row["problem"] == "minigrid is not installed: pip install 'lean-agent[babyai]'"
