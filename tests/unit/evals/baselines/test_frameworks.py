from __future__ import annotations

import asyncio
import itertools
import json
import socket
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from support.baseline_runs import AnyFormModel, means
from support.eval_runs import Silent, run, timeless
from support.scripted_runs import searching

from lean_agent import Budget, Message, ModelRequest, ModelResponse, ToolCall, Usage, tool
from lean_agent.errors import ModelBehaviorError, ModelError
from lean_agent.ledger import queries
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals.arms import arm_named
from lean_agent_evals.baselines.endpoint import Endpoint
from lean_agent_evals.baselines.framework import FrameworkArm, Job
from lean_agent_evals.baselines.named import BASELINES
from lean_agent_evals.results import read_outcomes

FRAMEWORKS = [name for name in BASELINES if name != "react"]
pytestmark = pytest.mark.slow  # importing the frameworks takes seconds


def calling(name: str, **arguments: Any) -> Message:
    return Message("assistant", "", (ToolCall(f"id_{name}", name, arguments),))


def answering(arm: str, text: str) -> Message:
    """The way in which its framework wants the answer."""
    if arm == "smolagents":
        return calling("final_answer", answer=text)
    return Message("assistant", text)


@pytest.mark.parametrize("name", BASELINES)
async def test_it_solves_the_suite_and_its_tokens_are_those_of_the_model(
    name: str, tmp_path: Path
) -> None:
    model = AnyFormModel()
    end = await run(tmp_path, model, size=4, arms=(name,))
    outcomes = read_outcomes(tmp_path).values()
    assert (end.why, [outcome.ending for outcome in outcomes]) == ("complete", ["answered"] * 4)
    assert sorted(outcome.tool_calls for outcome in outcomes) == [1, 2, 3, 4]
    assert sorted(outcome.steps for outcome in outcomes) == [2, 3, 4, 5]
    assert all(outcome.entities_found == 1 for outcome in outcomes), "observations are kept"
    _, rows = queries.sql(
        tmp_path / "ledger",
        "select count(*), sum(input_tokens), sum(output_tokens) from entries "
        "where operation = 'chat' and state = 'closed'",
    )
    spent = (model.calls, model.given.input_tokens, model.given.output_tokens)
    assert [tuple(map(int, row)) for row in rows] == [spent]
    assert sum(outcome.usage.total_tokens for outcome in outcomes) == model.given.total_tokens
    _, tools = queries.sql(
        tmp_path / "ledger", "select count(*) from entries where operation = 'execute_tool'"
    )
    assert int(tools[0][0]) == 1 + 2 + 3 + 4


# The SDK starts a task around a coroutine, which nothing awaits if it is cancelled at that moment.
@pytest.mark.filterwarnings("ignore:coroutine 'run_single_turn' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", BASELINES)
async def test_stopped_it_goes_on_and_pays_for_no_answer_twice(name: str, tmp_path: Path) -> None:
    await run(tmp_path / "alone", (alone := AnyFormModel()), arms=(name,), size=5)
    calls = 0
    for after in (3, 6):
        stop, counter = asyncio.Event(), itertools.count(1)

        def count(
            _: ModelRequest, after: int = after, stop: asyncio.Event = stop, counter: Any = counter
        ) -> None:
            if next(counter) == after:
                stop.set()

        model = AnyFormModel(count)
        end = await run(tmp_path / "stopped", model, arms=(name,), size=5, stop=stop)
        assert end.why == "interrupted"
        calls += model.calls
    end = await run(tmp_path / "stopped", (last := AnyFormModel()), arms=(name,), size=5)
    assert (end.why, end.counting) == ("complete", 5)
    assert calls + last.calls == alone.calls
    assert timeless(tmp_path / "stopped") == timeless(tmp_path / "alone")


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_cancelled_it_leaves_no_tool_at_work(name: str, tmp_path: Path) -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    @tool
    async def wait() -> str:
        """Wait."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("wait")
        return "never"

    model = ScriptedModel([calling("wait"), answering(name, "yes")])
    given = means(model, tmp_path, [wait])
    attempt = asyncio.ensure_future(arm_named(name).attempt("Wait.", given))
    await begun.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert (ended, len(model.requests)) == (["wait"], 1)


@pytest.mark.parametrize("name", BASELINES)
async def test_a_cap_ends_it_and_keeps_its_work(name: str, tmp_path: Path) -> None:
    first = AnyFormModel()
    await run(tmp_path / "whole", first, arms=(name,), size=4)
    whole = max(
        outcome.usage.total_tokens for outcome in read_outcomes(tmp_path / "whole").values()
    )
    for limit, budget in (
        ("steps", Budget(steps=3)),
        ("tokens", Budget(steps=9, tokens=whole // 2)),
    ):
        folder = tmp_path / limit
        await run(folder, AnyFormModel(), arms=(name,), size=4, sample_budget=budget)
        (longest,) = [o for o in read_outcomes(folder).values() if o.task_id.endswith("0003")]
        assert (longest.ending, longest.exit_status) == ("limit", "limit_exceeded")
        assert longest.tool_calls >= 1
        lines = (folder / "trajectories.jsonl").read_text().splitlines()
        (kept,) = [line for line in map(json.loads, lines) if line["task_id"].endswith("0003")]
        assert kept["limit"] == limit
        assert len(kept["trajectory"]) == longest.tool_calls
        used = longest.usage.total_tokens if limit == "tokens" else longest.steps
        assert used <= getattr(budget, limit)


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_wrong_arguments_are_told_to_the_model(name: str, tmp_path: Path) -> None:
    script = [calling("search", page=1), calling("search", query="tin"), answering(name, "29.8")]
    asked: list[str] = []
    model = ScriptedModel(script)
    given = means(model, tmp_path, [searching(asked)])
    result = await arm_named(name).attempt("When does it melt?", given)
    assert (result.output, result.steps, asked) == ("29.8", 3, ["tin"])
    assert "page" in model.requests[1].messages[-1].content
    assert model.requests[0].tools[0].name == "search"
    assert result.mode_reason.split()[1][0].isdigit(), "who did it, in which version"
    assert {(r.temperature, r.seed) for r in model.requests} == {(0.25, 7)}


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_arguments_that_are_no_json_do_not_end_it(name: str, tmp_path: Path) -> None:
    """But for LangChain's agent, which ends where an answer holds no call that can be read."""
    asked: list[str] = []
    broken = ModelResponse(
        message=Message("assistant", ""),
        usage=Usage(input_tokens=5, output_tokens=5),
        finish_reason="tool_calls",
        model=ScriptedModel.__name__,
        malformed_tool_calls=(("search", "for tin, please"),),
    )
    model = ScriptedModel([broken, calling("search", query="tin"), answering(name, "29.8")])
    given = means(model, tmp_path, [searching(asked)])
    result = await arm_named(name).attempt("When does it melt?", given)
    if name == "langchain":
        assert (result.output, result.steps, asked) == ("", 1, [])
    else:
        assert (result.output, result.steps, asked) == ("29.8", 3, ["tin"])


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_tool_is_described_as_we_describe_it(name: str, tmp_path: Path) -> None:
    seen: list[object] = []

    @tool
    def look(config: str, run_manager: int, words: list[str], callbacks: float = 0.5) -> str:
        """Look.

        Args:
            config: A word.
            run_manager: A number.
            words: Some words.
            callbacks: Another.
        """
        seen.append((config, run_manager, words, callbacks))
        return "seen"

    script = [
        calling("look", config="a", run_manager=3, words=["b", "c"]),
        answering(name, "yes"),
    ]
    model = ScriptedModel(script)
    result = await arm_named(name).attempt("Look.", means(model, tmp_path, [look]))
    assert (result.output, seen) == ("yes", [("a", 3, ["b", "c"], 0.5)])
    (spec,) = [spec for spec in model.requests[0].tools if spec.name == "look"]
    assert spec.description == "Look."
    properties = spec.parameters["properties"]
    types = {key: value["type"] for key, value in properties.items()}
    assert types == {
        "config": "string",
        "run_manager": "integer",
        "words": "array",
        "callbacks": "number",
    }
    assert properties["config"]["description"] == "A word."
    assert spec.parameters["required"] == ["config", "run_manager", "words"]


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ModelError("out of order", model="scripted:counting"), "out of order"),
        (ZeroDivisionError("of ours"), "unexpected ZeroDivisionError: of ours"),
    ],
)
async def test_a_model_that_fails_is_asked_no_more_and_is_no_wrong_answer(
    failure: Exception, told: str, name: str, tmp_path: Path
) -> None:
    def fails(_: ModelRequest) -> None:
        raise failure

    observer = Silent()
    model = AnyFormModel(fails)
    await run(tmp_path, model, arms=(name,), size=1, observer=observer)
    assert [outcome.ending for outcome in read_outcomes(tmp_path).values()] == ["infrastructure"]
    assert observer.notes == [f"{name}, dev-0-0000: {told}"]
    assert model.calls == 1


@pytest.mark.parametrize(("name", "steps"), [("openai-agents", 1), ("pydantic-ai", 2)])
async def test_a_framework_that_gives_up_is_a_wrong_answer(
    name: str, steps: int, tmp_path: Path
) -> None:
    model = ScriptedModel([calling("look", at="tin")] * 2)
    given = means(model, tmp_path, [searching()])
    with pytest.raises(ModelBehaviorError, match=rf"{name} gave up: .*look") as caught:
        await arm_named(name).attempt("When?", given)
    assert caught.value.result is not None
    assert (caught.value.result.exit_status, caught.value.result.steps) == ("failed", steps)


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_an_endpoint_that_is_not_reached_is_no_wrong_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        monkeypatch.setattr(Endpoint, "url", url)
        await run(tmp_path, AnyFormModel(), arms=(name,), size=1)
    assert [outcome.ending for outcome in read_outcomes(tmp_path).values()] == ["infrastructure"]


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_an_adapter_that_is_broken_is_no_wrong_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = arm_named(name)
    assert isinstance(arm, FrameworkArm)

    async def broken(job: Job) -> str:
        await job.run.ask(ModelRequest(messages=(Message("user", job.question),)))
        raise TypeError("answer() takes no such argument")

    monkeypatch.setattr(import_module(arm.module), "answer", broken)
    observer = Silent()
    await run(tmp_path, AnyFormModel(), arms=(name,), size=1, observer=observer)
    assert [outcome.ending for outcome in read_outcomes(tmp_path).values()] == ["infrastructure"]
    assert observer.notes == [
        f"{name}, dev-0-0000: {name} failed: TypeError: answer() takes no such argument"
    ]


@pytest.mark.parametrize("name", ["langchain", "pydantic-ai", "openai-agents"])
@pytest.mark.parametrize("answered", [True, False])
async def test_a_model_that_has_said_nothing_is_not_blamed(
    answered: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = arm_named(name)
    assert isinstance(arm, FrameworkArm)
    adapter = import_module(arm.module)

    async def gives_up(job: Job) -> str:
        if answered:
            await job.run.ask(ModelRequest(messages=(Message("user", job.question),)))
        raise adapter.GAVE_UP[-1]("what it wrote cannot be read")

    monkeypatch.setattr(adapter, "answer", gives_up)
    await run(tmp_path, AnyFormModel(), arms=(name,), size=1)
    expected = "wrong" if answered else "infrastructure"
    assert [outcome.ending for outcome in read_outcomes(tmp_path).values()] == [expected]


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_the_users_own_settings_are_not_theirs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies, keys, addresses and tracing: a packet to any of these hosts would fail the test."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(variable, "http://192.0.2.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "theirs")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://192.0.2.1:9")
    model = ScriptedModel([answering(name, "yes")])
    result = await arm_named(name).attempt("Really?", means(model, tmp_path))
    assert (result.output, len(model.requests)) == ("yes", 1)
