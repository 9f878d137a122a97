from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.counting_suite import CountingModel
from support.eval_runs import config, run

from lean_agent import ConfigurationError
from lean_agent_evals import results
from lean_agent_evals.results import ResultsFolder


async def test_without_ray_its_executor_is_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    model = CountingModel()
    with pytest.raises(ConfigurationError, match="ray is not installed") as caught:
        await run(tmp_path / "results", model, executor="ray")
    assert caught.value.hint == "pip install 'lean-agent[ray]'"
    assert model.calls == 0
    assert not (tmp_path / "results").exists()


def test_another_executor_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no executor called 'slurm'"):
        config(executor="slurm")


async def test_nobody_goes_on_while_a_worker_of_before_still_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_WORKER_SECONDS", 0.2)
    model = CountingModel()
    with (
        ResultsFolder(tmp_path).worked_in(),
        pytest.raises(ConfigurationError, match="workers of an earlier part still write"),
    ):
        await run(tmp_path, model)
    assert model.calls == 0
    assert (await run(tmp_path, model)).why == "complete"


def test_answers_are_given_again_in_their_order_whoever_wrote_them(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    key = {"arm": "agent", "epoch": 0, "task_id": "t"}
    folder.calls_of("b").append({**key, "key": "q", "seconds": 1.0})
    folder.calls_of("a").append({**key, "key": "q", "seconds": 2.0})
    folder.calls.append({**key, "key": "q", "seconds": 3.0})
    (found,) = folder.earlier_calls({results.SampleKey("agent", 0, "t")}).values()
    assert [record["seconds"] for record in found] == [1.0, 2.0, 3.0]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("calls*"))
    folder.forget_calls()
    assert not list(tmp_path.glob("calls*"))
