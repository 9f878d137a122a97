"""Answers of a type that the caller gave, on a scripted model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    SEARCH,
    agent,
    rows,
    searching,
    starts_with_the_previous,
)

from lean_agent import Agent, Budget, Ledger, Message, ToolCall
from lean_agent.errors import ConfigurationError, ModelError, OutputParseError
from lean_agent.events import Notice, RunFinished, Token
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel


class Metal(BaseModel):
    name: str
    melts: float


GALLIUM = '{"name": "gallium", "melts": 29.8}'
HALF = '{"name": "gallium", "me'
WRONG = '{"name": "gallium", "melts": "hot"}'


def typed(script: list[Any], ledger: Ledger, **more: Any) -> tuple[Agent[Metal], ScriptedModel]:
    model = ScriptedModel(script, card=more.pop("card", ModelCard(action_format="schema")))
    return Agent(model=model, ledger=ledger, output_type=Metal, **more), model


async def test_an_instant_answer_is_held_to_the_schema_in_its_only_call(ledger: Ledger) -> None:
    subject, model = typed([GALLIUM], ledger)
    result = await subject.run("When does gallium melt?", mode="instant")
    assert result.output == Metal(name="gallium", melts=29.8)
    assert (result.exit_status, result.steps) == ("completed", 1)
    [request] = model.requests
    assert request.response_schema is not None
    assert request.response_schema["required"] == ["name", "melts"]
    assert (
        json.dumps(request.response_schema, separators=(",", ":")) in request.messages[-1].content
    )
    assert result.to_dict()["output"] == {"name": "gallium", "melts": 29.8}
    assert json.loads(result.text) == {"name": "gallium", "melts": 29.8}


async def test_a_misfit_is_mended_each_time_charged_on_the_same_prefix(ledger: Ledger) -> None:
    subject, model = typed([HALF, WRONG, GALLIUM], ledger)
    result = await subject.run("x", mode="instant")
    assert result.output.melts == 29.8
    assert (result.steps, len(model.requests)) == (3, 3)
    assert starts_with_the_previous(model.requests)
    assert "melts: Input should be a valid number" in model.requests[2].messages[-1].content
    entries = rows(ledger, result)
    assert [entry["purpose"] for entry in entries] == ["answer"] * 3
    assert sum(e["input_tokens"] for e in entries) == result.usage.input_tokens


@pytest.mark.parametrize("repairs", [0, 1, 3])
async def test_one_that_never_fits_is_a_typed_error_with_what_was_done(
    ledger: Ledger, repairs: int
) -> None:
    subject, model = typed([WRONG] * 9, ledger, output_repairs=repairs)
    with pytest.raises(OutputParseError, match="melts: Input should be a valid number") as caught:
        await subject.run("x", mode="instant")
    assert len(model.requests) == 1 + repairs
    result = caught.value.result
    assert result is not None
    assert (result.exit_status, result.output) == ("failed", WRONG)
    assert caught.value.usage == result.usage
    assert len(rows(ledger, result)) == 1 + repairs


async def test_reason_mode_thinks_in_words_and_then_fills_the_form(ledger: Ledger) -> None:
    subject, model = typed(["It is known. Answer: 29.8", GALLIUM], ledger)
    result = await subject.run("x", mode="reason")
    assert (result.output.name, result.steps) == ("gallium", 2)
    assert [bool(r.response_schema) for r in model.requests] == [False, True]
    assert starts_with_the_previous(model.requests)


async def test_an_agent_acts_freely_and_answers_in_the_form(ledger: Ledger) -> None:
    subject, model = typed([SEARCH, ANSWER, GALLIUM], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output.name, result.tool_calls, result.steps) == ("gallium", 1, 3)
    assert "melts" not in model.requests[0].messages[-1].content
    assert model.requests[2].response_schema != model.requests[1].response_schema


async def test_an_agent_with_native_calls_needs_no_further_call(ledger: Ledger) -> None:
    call = Message("assistant", "", (ToolCall("call_1", "search", {"query": "gallium"}),))
    subject, model = typed([call, GALLIUM], ledger, tools=[searching()], card=NATIVE)
    result = await subject.run("x", mode="agent")
    assert (result.output.melts, len(model.requests)) == (29.8, 2)


async def test_a_server_that_takes_no_schema_is_asked_in_words(ledger: Ledger) -> None:
    refused = ModelError("response_format is not supported", status=400)
    subject, model = typed([refused, WRONG, GALLIUM], ledger)
    result = await subject.run("x", mode="instant")
    assert result.output.name == "gallium"
    assert [bool(r.response_schema) for r in model.requests] == [True, False, False]


async def test_a_limit_before_it_fits_says_so_in_the_error(ledger: Ledger) -> None:
    subject, _ = typed([WRONG, GALLIUM], ledger, budget=Budget(steps=1))
    with pytest.raises(OutputParseError) as caught:
        await subject.run("x", mode="instant")
    assert "steps limit" in caught.value.hint
    assert caught.value.result is not None
    assert caught.value.result.limit == "steps"


async def test_an_answer_of_a_type_may_begin_as_an_object_where_no_schema_is_taken(
    ledger: Ledger,
) -> None:
    refused = ModelError("response_format is not supported", status=400)
    script = [SEARCH, ANSWER, refused, GALLIUM]
    subject, model = typed(script, ledger, tools=[searching()])
    result = await subject.run("When does gallium melt?", mode="agent")
    assert result.output == Metal(name="gallium", melts=29.8)
    assert model.requests[-1].response_schema is None
    assert model.requests[-1].not_beginning == ""


async def test_an_answer_that_fits_at_a_limit_is_given(ledger: Ledger) -> None:
    script = [SEARCH, GALLIUM]
    subject, _ = typed(script, ledger, tools=[searching()], budget=Budget(steps=2))
    result = await subject.run("x", mode="agent")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "steps")
    assert result.output == Metal(name="gallium", melts=29.8)


async def test_streaming_tells_of_each_answer_and_ends_in_the_value(ledger: Ledger) -> None:
    subject, _ = typed([WRONG, GALLIUM], ledger)
    events = [event async for event in subject.stream("x", mode="instant")]
    text = "".join(e.text for e in events if isinstance(e, Token) and e.channel == "answer")
    assert text == WRONG + GALLIUM
    assert any(isinstance(e, Notice) and e.message.startswith("asking again: ") for e in events)
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.result.output == Metal(name="gallium", melts=29.8)


async def test_an_untyped_run_costs_no_call_more(ledger: Ledger) -> None:
    subject, model = agent(["29.8"], ledger)
    assert (await subject.run("x")).output == "29.8"
    assert len(model.requests) == 1


async def test_a_typed_run_goes_on_after_a_limit(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    subject, model = typed([WRONG, GALLIUM], ledger, budget=Budget(steps=1), checkpoints=path)
    with pytest.raises(OutputParseError) as caught:
        await subject.run("x", mode="instant")
    assert caught.value.result is not None
    assert caught.value.result.resumable
    later = await subject.resume(caught.value.result.run_id, budget=Budget(steps=5))
    assert (later.output.melts, len(model.requests)) == (29.8, 2)


def test_what_is_no_type_for_an_answer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no answer can have the form str"):
        Agent(model=ScriptedModel([]), output_type=str)
