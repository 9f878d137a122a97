"""Runs with hundreds of tools: what the model is told, and that the prompt only grows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.many_tools import PlainTool, many_tools
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    SCHEMA,
    agent,
    starts_with_the_previous,
)

from lean_agent import Agent, Budget, Ledger, Message
from lean_agent.messages import ToolCall
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel

TAGGED = ModelCard(action_format="tagged", self_hosted=True)
TASK = "What amount of money is 5 euros in dollars?"
CONVERT = ("convertCurrency", {"amount": "5", "target": "USD"})
FIND = ("find_tools", {"query": "translate into another language"})
TRANSLATE = ("translate_text", {"text": "5", "language": "fr"})


def told_text(request: ModelRequest) -> str:
    return json.dumps([spec.name for spec in request.tools]) + "\n".join(
        m.content for m in request.messages
    )


def same_tools(requests: Sequence[ModelRequest]) -> bool:
    """Whether all requests that offer tools offer the same."""
    offered = [request.tools for request in requests if request.tools]
    return all(tools == offered[0] for tools in offered)


def turn(card: ModelCard, *calls: tuple[str, dict[str, str]]) -> list[str | Message]:
    """The calls, one a step, and an answer, as a model of that format writes them."""
    if card == NATIVE:
        made = [Message("assistant", "", (ToolCall(f"c{n}", *c),)) for n, c in enumerate(calls)]
        return [*made, "done"]
    key = "tool" if card == SCHEMA else "name"
    written = [json.dumps({key: name, "arguments": given}) for name, given in calls]
    if card == SCHEMA:
        return [*written, ANSWER, "done"]
    return [*(f"<tool>{text}</tool>" for text in written), "done"]


@pytest.mark.parametrize("card", [NATIVE, SCHEMA, TAGGED])
async def test_the_needed_tool_is_told_and_another_is_found(
    card: ModelCard, ledger: Ledger
) -> None:
    subject, model = agent(turn(card, CONVERT, FIND, TRANSLATE), ledger, card, tools=many_tools())
    result = await subject.run(TASK, mode="agent")
    assert [t.tool for t in result.trajectory] == [
        "convertCurrency",
        "find_tools",
        "translate_text",
    ]
    assert not any(t.is_error for t in result.trajectory)
    assert result.output == "done"
    told = [told_text(request) for request in model.requests]
    assert ["convertCurrency" in text for text in told] == [True] * len(told)
    assert ["translate_text" in text for text in told][:4] == [False, False, True, True]
    assert starts_with_the_previous(model.requests)
    assert same_tools(model.requests)
    assert len(told[0]) < 3 * 2_000 + 1_000


@pytest.mark.parametrize("card", [NATIVE, SCHEMA, TAGGED])
async def test_what_was_not_told_is_no_tool_until_it_is_found(
    card: ModelCard, ledger: Ledger
) -> None:
    subject, model = agent(turn(card, TRANSLATE, FIND, TRANSLATE), ledger, card, tools=many_tools())
    result = await subject.run(TASK, mode="agent")
    assert [t.tool for t in result.trajectory] == ["find_tools", "translate_text"]
    said = model.requests[1].messages[-1].content
    assert "no tool called 'translate_text'" in said
    assert "find_tools" in said
    assert len(said) < 3_000


async def test_what_finds_nothing_says_so(ledger: Ledger) -> None:
    script = turn(SCHEMA, ("find_tools", {"query": "hello"}))
    subject, _ = agent(script, ledger, tools=many_tools())
    result = await subject.run(TASK, mode="agent")
    assert result.trajectory[0].observation.startswith("No other tool fits")


@pytest.mark.parametrize("card", [NATIVE, SCHEMA, TAGGED])
async def test_with_few_tools_there_is_no_finder(card: ModelCard, ledger: Ledger) -> None:
    subject, model = agent(turn(card, FIND, CONVERT), ledger, card, tools=many_tools(5))
    result = await subject.run(TASK, mode="agent")
    assert [t.tool for t in result.trajectory] == ["convertCurrency"]
    assert "find_tools" not in told_text(model.requests[0])
    assert "translate_text" in told_text(model.requests[0])


async def test_the_budget_is_the_callers(ledger: Ledger) -> None:
    subject, model = agent(
        turn(NATIVE, CONVERT), ledger, NATIVE, tools=many_tools(), schema_tokens=100_000
    )
    await subject.run(TASK, mode="agent")
    assert len(model.requests[0].tools) == 200


@pytest.mark.parametrize("card", [NATIVE, SCHEMA, TAGGED])
async def test_a_later_turn_tells_of_more_and_changes_nothing_before(
    card: ModelCard, ledger: Ledger
) -> None:
    script = [*turn(card, CONVERT), *turn(card, TRANSLATE)]
    subject, model = agent(script, ledger, card, tools=many_tools())
    one = await subject.run(TASK, mode="agent")
    two = await subject.run(
        "Translate the text into the language of Malta.", mode="agent", history=one.messages
    )
    assert [t.tool for t in two.trajectory] == ["translate_text"]
    assert starts_with_the_previous(model.requests)
    assert same_tools(model.requests)
    question = next(m.content for m in two.messages if "Malta" in m.content)
    assert question.count("translate_text") == 1
    assert "update_record" not in question


@pytest.mark.parametrize("card", [NATIVE, SCHEMA, TAGGED])
async def test_a_resumed_run_knows_what_it_was_told(
    card: ModelCard, ledger: Ledger, tmp_path: Path
) -> None:
    calls = turn(card, CONVERT, FIND, TRANSLATE)
    script = [*calls[:2], "so far", *calls[2:]]
    kept = tmp_path / "checkpoints.sqlite"
    subject, model = agent(script, ledger, card, tools=many_tools(), checkpoints=kept)
    first = await subject.run(TASK, mode="agent", budget=Budget(steps=3))
    assert first.exit_status == "limit_exceeded"
    # The tools' order is the program's: what was told is read off the messages.
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert [t.tool for t in second.trajectory][-1] == "translate_text"
    assert starts_with_the_previous(model.requests)
    assert same_tools(model.requests)


def bodies(requests: Sequence[FakeRequest]) -> list[dict[str, Any]]:
    return [request.body for request in requests]


def call(name: str, arguments: dict[str, str]) -> Reply:
    return Reply(text="", tool_calls=((name, json.dumps(arguments)),))


def written(name: str, arguments: dict[str, str]) -> Reply:
    return Reply(text=json.dumps({"tool": name, "arguments": arguments}))


@pytest.mark.parametrize("action_format", ["native", "schema"])
async def test_the_bytes_that_are_sent_begin_as_those_before(
    action_format: str, ledger: Ledger
) -> None:
    card = ModelCard(action_format=action_format)  # pyright: ignore[reportArgumentType] - one of them
    say = call if action_format == "native" else written
    with FakeOpenAI() as server:
        server.say(say(*CONVERT), say(*FIND), say(*TRANSLATE), Reply(text=ANSWER), Reply(text="ok"))
        model = OpenAICompatibleModel("x:y", base_url=server.url, api_key="none", card=card)
        async with Agent(model=model, tools=many_tools(), ledger=ledger) as subject:
            result = await subject.run(TASK, mode="agent")
        sent = bodies(server.chats)
    assert [t.tool for t in result.trajectory] == [
        "convertCurrency",
        "find_tools",
        "translate_text",
    ]
    for earlier, later in itertools.pairwise(sent):
        before, after = (json.dumps(body["messages"]) for body in (earlier, later))
        assert after.startswith(before[:-1])
        assert json.dumps(earlier.get("tools")) == json.dumps(later.get("tools"))
    if action_format == "native":
        names = [tool["function"]["name"] for tool in sent[0]["tools"]]
        assert names[-1] == "find_tools"
        assert len(json.dumps(sent[0]["tools"])) < 3 * 2_000
    schemas = [b["response_format"] for b in sent if "response_format" in b]
    branches = [s["json_schema"]["schema"]["anyOf"][:-1] for s in schemas]
    for earlier, later in itertools.pairwise(branches):
        assert later[: len(earlier)] == earlier


async def test_a_tool_of_many_lines_is_recognised(ledger: Ledger) -> None:
    long = PlainTool("brew", "Brew coffee.\n\nBlack, or:\n- white", "cup", "size")
    script = turn(SCHEMA, ("find_tools", {"query": "brew coffee"}), ("brew", {"cup": "1"}))
    subject, _ = agent(script, ledger, tools=[*many_tools(), long])
    result = await subject.run(TASK, mode="agent")
    assert [t.tool for t in result.trajectory] == ["find_tools", "brew"]
