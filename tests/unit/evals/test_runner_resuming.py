from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import eval_runs
from support.counting_suite import CountingModel
from support.eval_runs import run, timeless

from lean_agent import Budget, Message, ModelCard, ModelRequest
from lean_agent.ledger import queries
from lean_agent.model import ModelResponse
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.json_lines import read_lines
from lean_agent_evals.results import ResultsFolder


def paid(folder: Path) -> Counter[tuple[str, int]]:
    """How often each step of each task was paid for, by the ledger."""
    _, rows = queries.sql(
        folder / "ledger",
        "select task_id, step from entries where operation = 'chat' and state = 'closed' "
        "and finish_reason <> 'served' and error_type is null",
    )
    return Counter((task, step) for task, step in rows)


def stopping(stop: asyncio.Event, after: int) -> Callable[[ModelRequest], None]:
    """Stops the run at that call."""
    calls = itertools.count(1)

    def count(_request: ModelRequest) -> None:
        if next(calls) == after:
            stop.set()

    return count


@pytest.mark.slow
async def test_stopped_three_times_a_run_is_as_if_nobody_had(tmp_path: Path) -> None:
    await run(tmp_path / "alone", (alone := CountingModel()))
    calls = 0
    for after in (3, 9, 8):
        stop = asyncio.Event()
        model = CountingModel(stopping(stop, after))
        end = await run(tmp_path / "stopped", model, stop=stop)
        assert end.why == "interrupted"
        assert end.counting < 10
        calls += model.calls
    end = await run(tmp_path / "stopped", (last := CountingModel()))
    assert (end.why, end.counting) == ("complete", 10)
    # No call is made twice, whatever was under way.
    assert calls + last.calls == alone.calls
    assert timeless(tmp_path / "stopped") == timeless(tmp_path / "alone")
    assert set(paid(tmp_path / "stopped").values()) == {1}


@pytest.mark.slow
async def test_flops_are_those_of_each_call_given_again_or_new(tmp_path: Path) -> None:
    class Embedded(CountingModel):
        name = "local:qwen2.5-coder-0.5b"

    await run(tmp_path / "alone", Embedded())
    stop = asyncio.Event()
    await run(tmp_path / "stopped", Embedded(stopping(stop, 9)), stop=stop)
    assert ResultsFolder(tmp_path / "stopped").earlier_calls(set(timeless(tmp_path / "alone")))
    await run(tmp_path / "stopped", Embedded())
    alone = {key: outcome.flops for key, outcome in timeless(tmp_path / "alone").items()}
    assert {key: o.flops for key, o in timeless(tmp_path / "stopped").items()} == alone
    _, rows = queries.sql(
        tmp_path / "alone" / "ledger",
        "select input_tokens, output_tokens from entries "
        "where task_id = 'dev-0-0002' and operation = 'chat'",
    )
    assert len(rows) == 4
    # By hand: N = 357,826,560, and 4 * 24 * 2/14 * 896 = 12,288 for a pair of positions.
    by_hand = sum(
        2 * 357_826_560 * (n + m) + 12_288 * (n * n + m * n + m * (m - 1) // 2) for n, m in rows
    )
    assert alone[SampleKey("agent", 0, "dev-0-0002")] == pytest.approx(by_hand, rel=1e-12)


async def test_flops_of_a_model_of_unknown_shape_are_unknown(tmp_path: Path) -> None:
    await run(tmp_path, CountingModel(), size=1)
    assert [outcome.flops for outcome in timeless(tmp_path).values()] == [None]


def start_and_kill(folder: Path, *, size: int, calls: int) -> None:
    """A run in a process of its own, killed after so many calls."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.eval_runs", str(folder), str(size), "0.02"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(eval_runs.__file__).parents[1])},
        start_new_session=True,
    )
    assert process.stdout is not None
    for _ in range(calls):
        assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.slow
async def test_killed_three_times_a_run_is_as_if_nobody_had(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    for calls in (7, 17, 30):
        start_and_kill(folder, size=24, calls=calls)
    over = len(timeless(folder))
    assert 0 < over < 24
    end = await run(folder, CountingModel(), size=24)
    assert (end.why, end.counting) == ("complete", 24)
    await run(tmp_path / "alone", CountingModel(), size=24)
    assert timeless(folder) == timeless(tmp_path / "alone")
    # A call that was in flight has an open row and was made again; no answer was paid for twice.
    assert set(paid(folder).values()) == {1}


async def test_an_attempts_earlier_part_counts_against_its_budget(tmp_path: Path) -> None:
    limit = Budget(tokens=2_000, steps=8)
    await run(tmp_path / "alone", CountingModel(), size=4, sample_budget=limit)
    stop = asyncio.Event()
    first = CountingModel(stopping(stop, 6))
    await run(tmp_path / "stopped", first, size=4, sample_budget=limit, stop=stop)
    folder = ResultsFolder(tmp_path / "stopped")
    before = folder.earlier_calls({SampleKey("agent", 0, "dev-0-0002")})
    assert before, "the kill came in the middle of this attempt"
    await run(tmp_path / "stopped", CountingModel(), size=4, sample_budget=limit)
    assert timeless(tmp_path / "stopped") == timeless(tmp_path / "alone")


async def test_what_an_attempt_goes_on_from_is_private_and_does_not_stay(tmp_path: Path) -> None:
    stop = asyncio.Event()
    await run(tmp_path, CountingModel(stopping(stop, 5)), stop=stop)
    calls = tmp_path / "calls.jsonl"
    assert calls.stat().st_mode & 0o077 == 0
    await run(tmp_path, CountingModel())
    assert not calls.exists()


async def test_the_action_format_is_found_out_once_and_charged_to_no_attempt(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    await run(tmp_path, Unknown(stopping(stop, 5)), size=6, concurrency=6, stop=stop)
    probes = probe_calls(tmp_path)
    await run(tmp_path, Unknown(), size=6, concurrency=6)
    assert probe_calls(tmp_path) == probes > 0


@pytest.mark.parametrize("arms", [("react",), ("instant",), ("instant", "react")])
async def test_nothing_is_found_out_for_arms_that_have_no_use_for_it(
    arms: Sequence[str], tmp_path: Path
) -> None:
    await run(tmp_path, Unknown(), size=2, arms=arms)
    assert probe_calls(tmp_path) == 0


async def test_nothing_is_found_out_where_only_other_arms_have_attempts_left(
    tmp_path: Path,
) -> None:
    await run(tmp_path, Unknown(), size=2)
    probes = probe_calls(tmp_path)
    await run(tmp_path, Unknown(), size=2, arms=("agent", "react"))
    assert probe_calls(tmp_path) == probes > 0


class Unknown(CountingModel):
    """Nobody knows in which format it can act."""

    card = ModelCard(self_hosted=True)


def probe_calls(folder: Path) -> int:
    """Those that were paid for; none is an attempt's."""
    _, rows = queries.sql(
        folder / "ledger",
        "select count(*), count(task_id) from entries where purpose = 'probe' "
        "and finish_reason is distinct from 'served'",
    )
    ((probes, of_tasks),) = rows
    assert of_tasks == 0
    return probes


class Writing(CountingModel):
    """Answers at length, and no longer than it may."""

    async def generate(self, request: ModelRequest) -> ModelResponse:
        response = await super().generate(request)
        assert request.max_output_tokens is not None
        if request.max_output_tokens >= 400:
            return replace(response, usage=replace(response.usage, output_tokens=400))
        message = Message("assistant", response.message.content[:3])
        usage = replace(response.usage, output_tokens=request.max_output_tokens)
        return replace(response, message=message, usage=usage, finish_reason="length")


async def test_an_answer_that_the_runs_budget_cut_short_is_asked_for_anew(tmp_path: Path) -> None:
    given: dict[str, Any] = {"size": 4, "arms": ("instant",), "concurrency": 1}
    each = (await run(tmp_path / "alone", Writing(), **given)).spent.tokens // 4
    # Enough for two, and for the prompt and 60 tokens of the third.
    end = await run(tmp_path, Writing(), **given, budget=Budget(tokens=3 * each - 340))
    assert (end.why, end.counting) == ("budget", 2)
    calls = read_lines(tmp_path / "calls.jsonl")
    assert "length" in {line.get("response", {}).get("finish_reason") for line in calls}
    end = await run(tmp_path, Writing(), **given, budget=Budget(tokens=100_000))
    assert (end.why, end.counting) == ("complete", 4)
    assert timeless(tmp_path) == timeless(tmp_path / "alone")
