"""An agent begins with the calls that its task is sure to want, and asks no model for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    SCHEMA,
    SEARCH,
    Hanging,
    agent,
    looking_up,
    rows,
    searching,
    starts_with_the_previous,
)

from lean_agent import Budget, Ledger, RunContext, Tool, tool
from lean_agent.gate import GateDecision, Signals, Way
from lean_agent.ledger import queries
from lean_agent.model import ModelCard
from lean_agent.runtime import foreseeing
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.recording import Recorder


class FirstInstant:
    """A gate that has every task answered at once."""

    def decide(self, _: Signals) -> GateDecision:
        return GateDecision(way=Way(mode="instant"), reason="first")


TAGGED = ModelCard(action_format="tagged", self_hosted=True)


@pytest.mark.parametrize("card", [SCHEMA, TAGGED, NATIVE], ids=["schema", "tagged", "native"])
async def test_what_a_task_is_sure_to_want_is_there_at_the_first_call(
    ledger: Ledger, card: ModelCard
) -> None:
    said = [ANSWER, "29.8"] if card is SCHEMA else ["29.8"]
    calls: list[str] = []
    subject, model = agent(said, ledger, card, tools=[looking_up("gallium", calls=calls)])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert (result.output, calls, result.steps, result.tool_calls) == (
        "29.8",
        ["gallium"],
        len(said),
        1,
    )
    (step,) = result.trajectory
    assert (step.step, step.foreseen, step.arguments) == (0, True, {"name": "gallium"})
    asked = model.requests[0].messages
    assert [m.role for m in asked] == ["system", "user", "assistant", "user"]
    assert not any(m.tool_calls for m in asked), "servers may refuse native calls of others"
    assert asked[-1].content == "Result of look_up:\ngallium melts at 29.8 degrees."
    assert starts_with_the_previous(model.requests)
    assert len(rows(ledger, result)) == len(said)
    entries = queries.show(ledger.folder, result.run_id)
    assert [e["tool"] for e in entries if e["operation"] == "execute_tool"] == ["look_up"]


async def test_one_after_the_other_and_then_the_model_goes_on(ledger: Ledger) -> None:
    tools = [looking_up("gallium", "tin"), searching()]
    subject, model = agent([SEARCH, ANSWER, "29.8"], ledger, tools=tools)
    result = await subject.run("Does gallium or tin melt first?", mode="agent")
    assert [s.arguments for s in result.trajectory] == [
        {"name": "gallium"},
        {"name": "tin"},
        {"query": "gallium"},
    ]
    assert len(model.requests) == 3
    assert starts_with_the_previous(model.requests)


async def test_what_an_earlier_turn_has_shown_is_not_shown_again_unless_it_has_changed(
    ledger: Ledger,
) -> None:
    said = {"gallium": "It melts at 29.8 degrees.", "tin": "It melts at 231.9 degrees."}

    @tool(foreseen=lambda task, ctx: [{"name": name} for name in said if name in task])
    def look_up(name: str) -> str:
        """Look up."""
        return said[name]

    subject, model = agent([ANSWER, "a", ANSWER, "b", ANSWER, "c"], ledger, tools=[look_up])
    first = await subject.run("When does gallium melt?", mode="agent")
    second = await subject.run("Gallium, gallium or tin?", mode="agent", history=first.messages)
    said["gallium"] = "It melts in your hand."
    await subject.run("Look at gallium anew.", mode="agent", history=second.messages)
    assert starts_with_the_previous(model.requests)
    told = [m.content for m in model.requests[-1].messages if m.content.startswith("Result of")]
    assert [text.partition("\n")[2][:20] for text in told] == [
        "It melts at 29.8 deg",
        "You have this result",
        "It melts at 231.9 de",
        "It melts in your han",
    ]


async def test_what_comes_to_be_there_later_is_not_foreseen(ledger: Ledger) -> None:
    there: list[str] = []

    def foreseen(task: str, ctx: RunContext) -> Sequence[Mapping[str, str]]:
        return [{"name": name} for name in there]

    @tool(foreseen=foreseen)
    def look_up(name: str) -> str:
        """Look up."""
        there.append("tin")
        return name

    own = '{"tool":"look_up","arguments":{"name":"gallium"}}'
    subject, _ = agent([own, ANSWER, "29.8"], ledger, tools=[look_up])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert [step.arguments for step in result.trajectory] == [{"name": "gallium"}]


async def test_the_same_call_by_the_model_is_served(ledger: Ledger) -> None:
    again = '{"tool":"look_up","arguments":{"name":"gallium"}}'
    calls: list[str] = []
    subject, _ = agent([again, ANSWER, "29.8"], ledger, tools=[looking_up("gallium", calls=calls)])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert calls == ["gallium"]
    assert [s.served for s in result.trajectory] == [False, True]


@pytest.mark.parametrize(
    ("subject_tool", "task"),
    [
        (looking_up("a", "b", "c", "d"), "a, b, c, d"),
        (looking_up("gallium", approval=True), "gallium"),
        (looking_up("gallium", side_effects=True), "gallium"),
        (looking_up("tin"), "gallium"),
    ],
    ids=["four are a list to go through", "it needs a yes", "it changes something", "none"],
)
async def test_what_is_not_sure_is_left_to_the_model(
    ledger: Ledger, subject_tool: Tool, task: str
) -> None:
    subject, model = agent([ANSWER, "29.8"], ledger, tools=[subject_tool])
    result = await subject.run(task, mode="agent")
    assert (result.output, list(result.trajectory), len(model.requests)) == ("29.8", [], 2)


def failing(task: str, ctx: RunContext) -> Sequence[Mapping[str, object]]:
    raise OSError("the disk is gone")


def hanging(task: str, ctx: RunContext) -> Sequence[Mapping[str, object]]:
    time.sleep(5)
    return [{"name": "gallium"}]


def no_json(task: str, ctx: RunContext) -> Sequence[Mapping[str, object]]:
    return [{"name": Path("gallium")}]


@pytest.mark.parametrize("foreseen", [failing, hanging, no_json])
async def test_a_function_that_fails_foresees_nothing(
    ledger: Ledger,
    foreseen: Callable[[str, RunContext], Sequence[Mapping[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(foreseeing, "_PATIENCE", 0.05)

    @tool(foreseen=foreseen)
    def look_up(name: str) -> str:
        """Look up.

        Args:
            name: What.
        """
        return name

    subject, _ = agent([ANSWER, "29.8"], ledger, tools=[look_up])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert (result.output, list(result.trajectory)) == ("29.8", [])


async def test_a_run_without_much_time_waits_no_longer_than_it_has(ledger: Ledger) -> None:
    @tool(foreseen=hanging)
    def look_up(name: str) -> str:
        """Look up."""
        return name

    subject, _ = agent([ANSWER, "29.8"], ledger, tools=[look_up])
    began = time.monotonic()
    result = await subject.run("When?", mode="agent", budget=Budget(seconds=0.8))
    assert time.monotonic() - began < foreseeing._PATIENCE  # pyright: ignore[reportPrivateUsage]
    assert not result.trajectory


async def test_a_tool_is_asked_once(ledger: Ledger) -> None:
    asked: list[str] = []

    def foreseen(task: str, ctx: RunContext) -> Sequence[Mapping[str, object]]:
        asked.append(task)
        return [{"names": ("tin", "lead")}]

    @tool(foreseen=foreseen)
    def look_up(names: list[str]) -> str:
        """Look up."""
        return f"{names} melt"

    subject, _ = agent([SEARCH, ANSWER, "29.8"], ledger, tools=[look_up, searching()])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert [step.arguments for step in result.trajectory] == [
        {"names": ["tin", "lead"]},
        {"query": "gallium"},
    ]
    assert asked == ["When does gallium melt?"]


@pytest.mark.parametrize("at", ["its second call", "the model's"])
async def test_a_run_that_is_cut_off_at_a_call_makes_it_when_it_is_resumed(
    ledger: Ledger, tmp_path: Path, at: str
) -> None:
    begun, calls = asyncio.Event(), list[str]()

    @tool(foreseen=lambda task, ctx: [{"name": "gallium"}, {"name": "tin"}])
    async def look_up(name: str) -> str:
        """Look up."""
        calls.append(name)
        if at == "its second call" and len(calls) == 2:
            begun.set()
            await asyncio.sleep(60)
        return f"{name} melts."

    kept: dict[str, Any] = {"checkpoints": tmp_path / "runs.sqlite", "tools": [look_up]}
    hanging = Hanging()
    subject, _ = agent([hanging], ledger, **kept)
    running = asyncio.create_task(subject.run("Which melts first?", mode="agent"))
    await (begun if at == "its second call" else hanging.begun).wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (run,) = {row["run_id"] for row in queries.runs(ledger.folder)}
    later, model = agent([ANSWER, "gallium"], ledger, **kept)
    result = await later.resume(run)
    assert calls == ["gallium", "tin", "tin"][: 3 if at == "its second call" else 2]
    assert [(s.arguments["name"], s.foreseen) for s in result.trajectory] == [
        ("gallium", True),
        ("tin", True),
    ]
    assert (result.output, len(model.requests)) == ("gallium", 2)


async def test_after_an_answer_that_fails_its_check_an_agent_begins_so_too(
    ledger: Ledger, tmp_path: Path
) -> None:
    recorder = Recorder(path=tmp_path / "runs.jsonl")
    said = ["I'm sorry.", "Answer: I'm sorry.", SEARCH, ANSWER, "29.8"]
    tools = [looking_up("gallium"), searching()]
    subject, _ = agent(said, ledger, tools=tools, gate=FirstInstant(), record=recorder)
    result = await subject.run("When does gallium melt?")
    assert [(s.tool, s.step, s.foreseen) for s in result.trajectory] == [
        ("look_up", 2, True),
        ("search", 3, False),
    ]
    (found,) = read_trajectories(recorder.file)
    assert [(step.kind, step.action) for step in found.steps] == [
        ("think", ""),
        ("think", ""),
        ("act", "look_up"),
        ("act", "search"),
        ("think", ""),
        ("answer", "answer"),
    ]
    assert [step.turn for step in found.steps] == list(range(6))
    assert found.steps[2].usage.tokens == 0
    assert sum(step.usage.tokens or 0 for step in found.steps) == result.usage.total_tokens


async def test_a_cap_on_tool_calls_counts_them(ledger: Ledger) -> None:
    subject, _ = agent(["29.8"], ledger, tools=[looking_up("gallium", "tin")])
    result = await subject.run(
        "Does gallium or tin melt first?", mode="agent", budget=Budget(tool_calls=1)
    )
    assert (result.tool_calls, result.output, result.limit) == (1, "29.8", "tool_calls")
