"""A run that ends when the tasks so far rank its arms."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.counting_suite import CountingModel
from support.eval_runs import config, run

from lean_agent import ConfigurationError
from lean_agent_evals.results import read_outcomes

FAR_APART = ("instant", "agent")  # the counter cannot be raised without tools
ALIKE = ("auto", "agent")


@pytest.mark.slow
async def test_arms_far_apart_are_ranked_by_the_first_twenty_tasks(tmp_path: Path) -> None:
    end = await run(tmp_path, CountingModel(), size=60, arms=FAR_APART, tiered=True)
    assert (end.why, end.counting, end.total) == ("ranked", 40, 120)
    tasks = {key.task_id for key in read_outcomes(tmp_path)}
    assert tasks == {f"dev-0-{number:04}" for number in range(20)}


@pytest.mark.slow
async def test_arms_alike_are_tried_to_the_end(tmp_path: Path) -> None:
    end = await run(tmp_path, CountingModel(), size=24, arms=ALIKE, tiered=True)
    assert (end.why, end.counting, end.total) == ("complete", 48, 48)


@pytest.mark.slow
async def test_a_ranked_run_that_goes_on_sends_nothing_unless_it_is_to_be_whole(
    tmp_path: Path,
) -> None:
    await run(tmp_path, CountingModel(), size=30, arms=FAR_APART, tiered=True)
    again, whole = CountingModel(), CountingModel()
    end = await run(tmp_path, again, size=30, arms=FAR_APART, tiered=True)
    assert (end.why, again.calls) == ("ranked", 0)
    end = await run(tmp_path, whole, size=30, arms=FAR_APART)
    assert (end.why, end.counting) == ("complete", 60)
    assert whole.calls > 0


def test_one_arm_cannot_be_ranked() -> None:
    with pytest.raises(ConfigurationError, match="there is one"):
        config(arms=("agent",), tiered=True)
