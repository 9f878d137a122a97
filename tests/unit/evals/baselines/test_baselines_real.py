"""Each baseline on the real small model: structure and accounting, whatever it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.eval_runs import Silent

from lean_agent import Budget
from lean_agent.ledger import queries
from lean_agent.models.registry import resolve_model
from lean_agent_evals.arms import arm_named
from lean_agent_evals.baselines.named import BASELINES
from lean_agent_evals.config import RunConfig
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import evaluate


@pytest.mark.slow
@pytest.mark.real_model
@pytest.mark.usefixtures("shared_engine")
@pytest.mark.timeout(600)  # five attempts of a thousand tokens, on a busy machine
async def test_every_baseline_does_a_task_on_a_small_budget(tmp_path: Path) -> None:
    config = RunConfig(
        suite="gaia-like",
        count=1,
        arms=BASELINES,
        model="local:qwen2.5-coder-0.5b",
        sample_budget=Budget(steps=2, tokens=2_000),
    )
    end = await evaluate(
        config,
        ResultsFolder(tmp_path),
        suite=open_suite(config.suite),
        model=resolve_model(config.model),
        arms=[arm_named(name) for name in config.arms],
        observer=Silent(),
    )
    assert (end.why, end.failed) == ("complete", 0)
    outcomes = {outcome.arm: outcome for outcome in read_outcomes(tmp_path).values()}
    assert set(outcomes) == set(BASELINES)
    for line in (tmp_path / "trajectories.jsonl").read_text().splitlines():
        kept = json.loads(line)
        outcome = outcomes[kept["arm"]]
        assert 1 <= outcome.steps <= 2
        assert 0 < outcome.usage.total_tokens <= 2_000
        assert kept["messages"][-1]["role"] == "assistant"
        assert len(kept["trajectory"]) == outcome.tool_calls
        _, rows = queries.sql(
            tmp_path / "ledger",
            "select sum(input_tokens + output_tokens) from entries where operation = 'chat' "
            f"and state = 'closed' and run_id = '{kept['run_id']}'",
        )
        assert int(rows[0][0]) == outcome.usage.total_tokens
