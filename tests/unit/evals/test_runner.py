from __future__ import annotations

import asyncio
import math
import resource
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations, pairwise, permutations
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.counting_suite import Counting, CountingModel, Visit
from support.eval_runs import Silent, config, run, timeless

from lean_agent import (
    Budget,
    ConfigurationError,
    Message,
    ModelCard,
    ModelRequest,
    ModelResponse,
    RunResult,
)
from lean_agent.errors import ContentFilterError, ContextLengthError, ModelError
from lean_agent.ledger import queries
from lean_agent_evals.arms import arm_named
from lean_agent_evals.json_lines import ResultsError, read_lines
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.runner import evaluate, samples_of
from lean_agent_evals.task import Score, Split, Task

SECRET = "sk-abcdefghijklmnopqrstuvwx1234"


async def test_every_attempt_is_made_and_its_figures_are_those_of_its_run(tmp_path: Path) -> None:
    model = CountingModel(fails=r"Task [37] ")
    end = await run(tmp_path, model)
    assert (end.why, end.total, end.counting, end.failed) == ("complete", 10, 10, 0)
    outcomes = {key.task_id[-4:]: found for key, found in read_outcomes(tmp_path).items()}
    assert {task for task, found in outcomes.items() if not found.passed} == {"0003", "0007"}
    goals = {task: 1 + int(task) % 4 for task in outcomes}
    for task, found in outcomes.items():
        if found.passed:
            assert (found.ending, found.steps) == ("answered", goals[task] + 1)
            assert (found.tool_calls, found.entities_found) == (goals[task], 1)
        else:
            assert (found.ending, found.steps, found.entities_found) == ("wrong", 1, 0)
        assert found.needs_tools is True
        assert found.usage.provenance == {"self_hosted"}
    assert sum(found.steps for found in outcomes.values()) == model.calls
    assert sum(found.usage.total_tokens for found in outcomes.values()) == end.spent.tokens
    assert queries.spent(tmp_path / "ledger", since=0.0)[1] == end.spent.tokens


async def test_arms_and_epochs_have_attempts_of_their_own(tmp_path: Path) -> None:
    seeds: set[int | None] = set()
    model = CountingModel(lambda request: seeds.add(request.seed))
    end = await run(tmp_path, model, size=4, arms=("agent", "instant"), epochs=2, seed=5)
    outcomes = read_outcomes(tmp_path)
    assert end.counting == len(outcomes) == 16
    assert {(key.arm, key.epoch) for key in outcomes} == {
        (arm, epoch) for arm in ("agent", "instant") for epoch in (0, 1)
    }
    assert {found.seed for found in outcomes.values()} == seeds == {5, 6}
    assert all(key.arm == "agent" for key, found in outcomes.items() if found.tool_calls)
    assert all(found.steps == 1 for key, found in outcomes.items() if key.arm == "instant")


@pytest.mark.slow
async def test_what_is_over_is_not_made_again_and_more_can_be_asked_for(tmp_path: Path) -> None:
    first, second, third = CountingModel(), CountingModel(), CountingModel()
    await run(tmp_path, first, count=6)
    watch = Silent()
    end = await run(tmp_path, second, count=6, observer=watch)
    assert (second.calls, watch.over, end.why) == (0, 6, "complete")
    end = await run(tmp_path, third, count=8, arms=("agent", "instant"))
    assert (end.total, end.counting) == (16, 16)
    alone = tmp_path / "alone"
    await run(alone, CountingModel(), count=8, arms=("agent", "instant"))
    assert timeless(tmp_path) == timeless(alone)


async def test_another_configuration_does_not_go_on(tmp_path: Path) -> None:
    await run(tmp_path, CountingModel(), count=2)
    model = CountingModel()
    with pytest.raises(ConfigurationError, match=r"temperature is 0\.5, not 0\.0"):
        await run(tmp_path, model, count=2, temperature=0.5)
    assert model.calls == 0
    assert ResultsFolder(tmp_path).config() == config(count=2)


@pytest.mark.slow
async def test_infrastructure_failures_are_kept_apart_and_made_again(tmp_path: Path) -> None:
    def down(request: ModelRequest) -> None:
        asked = any("Task 2 " in m.content for m in request.messages)
        if asked and any(m.role == "tool" for m in request.messages):
            raise ModelError("the network is down", model="x")

    watch = Silent()
    end = await run(tmp_path, CountingModel(down), observer=watch)
    assert (end.why, end.counting, end.failed) == ("complete", 9, 1)
    (failed,) = [found for found in read_outcomes(tmp_path).values() if not found.counts]
    assert (failed.ending, failed.exit_status, failed.passed) == ("infrastructure", "failed", False)
    assert watch.notes == ["agent, dev-0-0002: the network is down"]
    again = CountingModel()
    end = await run(tmp_path, again)
    assert (end.counting, end.failed) == (10, 0)
    # Its first call was paid for before and is not made again: two more, and the answer.
    assert again.calls == 3
    await run(tmp_path / "alone", CountingModel())
    assert timeless(tmp_path) == timeless(tmp_path / "alone")


async def test_a_run_of_failures_ends_it(tmp_path: Path) -> None:
    def down(_request: ModelRequest) -> None:
        raise ModelError("the network is down", model="x")

    end = await run(tmp_path, CountingModel(down), size=100, concurrency=1)
    assert (end.why, end.failed, end.counting, end.total) == ("failures", 20, 0, 100)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (ContentFilterError("no", model="x"), "refused"),
        (ContextLengthError("too long", model="x"), "limit"),
        (ModelError("gone", model="x"), "infrastructure"),
        (ValueError("a bug"), "infrastructure"),
    ],
)
async def test_how_a_failure_counts(tmp_path: Path, error: Exception, ending: str) -> None:
    def fail(_request: ModelRequest) -> None:
        raise error

    await run(tmp_path, CountingModel(fail), size=1, arms=("instant",))
    (outcome,) = read_outcomes(tmp_path).values()
    assert outcome.ending == ending


async def test_an_attempts_own_limit_counts_against_it(tmp_path: Path) -> None:
    end = await run(tmp_path, CountingModel(), sample_budget=Budget(steps=3))
    endings = [found.ending for found in read_outcomes(tmp_path).values()]
    assert end.why == "complete"
    assert endings.count("limit") == 4  # those that need four steps or five
    assert endings.count("answered") == 6
    assert all(found.steps <= 3 for found in read_outcomes(tmp_path).values())


@pytest.mark.slow
async def test_an_attempt_at_its_own_cap_counts_although_another_then_holds_the_rest(
    tmp_path: Path,
) -> None:
    met, holding = threading.Event(), threading.Event()

    class First(Visit):
        def score(self, result: RunResult) -> Score:
            met.set()
            holding.wait(5)
            return super().score(result)

    class InTurn(Counting):
        @contextmanager
        def open(self, task: Task) -> Generator[Visit]:
            if task.data["goal"] == 1:
                yield First(1)
            else:
                met.wait(5)
                yield Visit(2)

    class Slow(CountingModel):
        async def generate(self, request: ModelRequest) -> ModelResponse:
            if "raise it to 2" in request.messages[-1].content:
                holding.set()
                await asyncio.sleep(0.5)
            return await super().generate(request)

    await evaluate(
        config(sample_budget=Budget(tokens=60), budget=Budget(tokens=100)),
        ResultsFolder(tmp_path),
        suite=InTurn(2),
        model=Slow(),
        arms=[arm_named("agent")],
        observer=Silent(),
    )
    first = min(read_outcomes(tmp_path).values(), key=lambda found: found.task_id)
    assert holding.is_set()
    assert (first.exit_status, first.ending) == ("limit_exceeded", "limit")


@pytest.mark.slow
async def test_the_runs_limit_ends_the_run_and_counts_against_nobody(tmp_path: Path) -> None:
    whole = (await run(tmp_path / "whole", CountingModel(), size=30)).spent.tokens
    end = await run(tmp_path, CountingModel(), size=30, budget=Budget(tokens=whole // 2))
    assert end.why == "budget"
    assert 0 < end.counting < 30
    assert 0 < end.failed <= 3
    assert end.spent.tokens <= whole // 2
    cut = [found for found in read_outcomes(tmp_path).values() if not found.counts]
    assert {found.exit_status for found in cut} == {"limit_exceeded"}
    end = await run(tmp_path, CountingModel(), size=30, budget=Budget(tokens=2 * whole))
    assert (end.why, end.counting) == ("complete", 30)
    assert timeless(tmp_path) == timeless(tmp_path / "whole")


@pytest.mark.slow
async def test_a_budget_that_is_small_for_so_many_at_once_is_used_by_fewer(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"sample_budget": Budget(tokens=4_000), "budget": Budget(tokens=4_000)}
    end = await run(tmp_path, CountingModel(), size=40, concurrency=16, **limits)
    alone = await run(tmp_path / "alone", CountingModel(), size=40, concurrency=1, **limits)
    assert (end.why, end.failed) == (alone.why, alone.failed) == ("budget", 1)
    assert 3_500 < end.spent.tokens <= 4_000
    assert end.counting > alone.counting / 2  # the others paid for an answer that counts for none


async def test_a_dollar_cap_on_an_unpriced_model_is_refused_before_anything(
    tmp_path: Path,
) -> None:
    model = CountingModel()
    model.card = ModelCard(action_format="native")
    unknown = "price of scripted:counting is unknown"
    with pytest.raises(ConfigurationError, match=unknown):
        await run(tmp_path / "results", model, budget=Budget(usd=1))
    with pytest.raises(ConfigurationError, match=unknown):
        await run(tmp_path / "results", model, sample_budget=Budget(usd="0.01"))
    assert model.calls == 0
    assert not (tmp_path / "results").exists()


async def test_a_suite_without_the_tasks_that_are_asked_for_leaves_no_folder(
    tmp_path: Path,
) -> None:
    class Short(Counting):
        def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> NoReturn:
            raise ConfigurationError(f"there are no {count} tasks")

    with pytest.raises(ConfigurationError, match="there are no 7 tasks"):
        await evaluate(
            config(count=7),
            ResultsFolder(tmp_path / "results"),
            suite=Short(),
            model=CountingModel(),
            arms=[arm_named("agent")],
            observer=Silent(),
        )
    assert not (tmp_path / "results").exists()


async def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.write_config(config())
    with folder.in_use(), pytest.raises(ConfigurationError, match="under way"):
        await run(tmp_path, CountingModel(), arms=("agent", "instant"))
    assert folder.config() == config(), "the one under way is still what is written"


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 1_500, 3_000, 4_000, 5_000])
async def test_a_full_disk_ends_the_run_and_it_can_go_on(tmp_path: Path, size: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ResultsFolder(tmp_path).write_config(config())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(ResultsError, match=r"cannot be written: (File too large|No space)"):
            await run(tmp_path, CountingModel())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    end = await run(tmp_path, CountingModel())
    assert (end.why, end.counting) == ("complete", 10)
    await run(tmp_path / "alone", CountingModel())
    assert timeless(tmp_path) == timeless(tmp_path / "alone")


async def test_secrets_are_in_no_file_that_stays(tmp_path: Path) -> None:
    class Leaking(CountingModel):
        async def generate(self, request: ModelRequest) -> ModelResponse:
            response = await super().generate(request)
            return replace(response, message=Message("assistant", f"the key is {SECRET}"))

    await run(tmp_path, Leaking(), size=2, arms=("instant",))
    (first, _) = read_lines(tmp_path / "trajectories.jsonl")
    assert first["output"] == "the key is [redacted]"
    assert not _holding(tmp_path, SECRET)


def _holding(folder: Path, text: str) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if text.encode() in path.read_bytes()]


async def test_an_episode_that_cannot_be_set_up_ends_the_run(tmp_path: Path) -> None:
    class Broken(Counting):
        @contextmanager
        def open(self, task: Task) -> Generator[Visit]:
            if task.id:
                raise ConfigurationError("a library is missing")
            yield Visit(1)

    with pytest.raises(ConfigurationError, match="a library is missing"):
        await evaluate(
            config(),
            ResultsFolder(tmp_path),
            suite=Broken(3),
            model=CountingModel(),
            arms=[arm_named("agent")],
            observer=Silent(),
        )


def test_each_arm_comes_before_each_other_as_often() -> None:
    """Else those that come later would find more prompts cached, and look cheaper than they are."""
    names = ("auto", "instant", "reason", "agent")
    arms = [arm_named(name) for name in names]
    found = list(samples_of(Counting(1_000), config(count=1_000, epochs=2), arms))
    assert len({sample.key for sample in found}) == 8_000
    orders = [[sample.arm.name for sample in found[i : i + 4]] for i in range(0, 8_000, 4)]
    before = Counter(pair for order in orders for pair in combinations(order, 2))
    # Of 2,000 fair draws, within four standard deviations; who comes next likewise.
    assert all(abs(before[pair] - 1_000) < 4 * math.sqrt(500) for pair in permutations(names, 2))
    follows = Counter(pair for order in orders for pair in pairwise(order))
    assert all(abs(follows[pair] - 500) < 4 * math.sqrt(375) for pair in permutations(names, 2))


def test_a_run_that_goes_on_keeps_its_order_even_with_another_arm() -> None:
    def order(*names: str) -> list[str]:
        arms = [arm_named(name) for name in names]
        return [sample.arm.name for sample in samples_of(Counting(8), config(), arms)]

    assert order("auto", "agent") == order("agent", "auto")
    more = order("auto", "instant", "agent")
    assert [name for name in more if name != "instant"] == order("auto", "agent")
    # By hand, with sha256sum: of "(0, 'dev-0-0000', 0, 'auto')", then of the same with 'agent'.
    assert order("auto", "agent")[:4] == ["auto", "agent", "agent", "auto"]
