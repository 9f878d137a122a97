"""An agent is asked for its answer before its next action, and ends where it is sure of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from support.scripted_runs import (
    ANSWER,
    SCHEMA,
    SEARCH,
    agent,
    rows,
    said,
    searching,
    starts_with_the_previous,
)

from lean_agent import Agent, Budget, Ledger, tool
from lean_agent.errors import ContextLengthError
from lean_agent.events import Token
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.scripted import ScriptedModel

CARD = ModelCard(action_format="schema", self_hosted=True, logprobs=True)
TASK = "At what temperature does gallium melt?"
OTHER = '{"tool":"search","arguments":{"query":"melting point"}}'
SURE = said("29.8 degrees", -0.01, -0.02)
UNSURE = said("29.8 degrees", -0.01, -0.4)


def drafting(script: list[Any], ledger: Ledger, **more: Any) -> tuple[Agent, ScriptedModel]:
    return agent(script, ledger, more.pop("card", CARD), **{"tools": [searching([])], **more})


def purposes(ledger: Ledger, result: Any) -> list[str]:
    return [row["purpose"] for row in rows(ledger, result)]


async def test_a_sure_draft_is_the_answer(ledger: Ledger) -> None:
    subject, model = drafting([SEARCH, SURE], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.exit_status, result.steps) == ("29.8 degrees", "completed", 2)
    assert result.confidence == pytest.approx(0.985, abs=0.001)
    assert purposes(ledger, result) == ["act", "draft"]
    asked = model.requests[-1]
    assert (asked.max_output_tokens, asked.top_logprobs, asked.not_beginning) == (64, 1, "{")
    assert starts_with_the_previous(model.requests)
    # The conversation goes on from it as from any answer.
    assert [m.content for m in result.messages[-2:]] == [asked.messages[-1].content, result.output]


async def test_a_draft_that_is_not_sure_is_paid_for_once(ledger: Ledger) -> None:
    subject, model = drafting([SEARCH, UNSURE, ANSWER], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.confidence, result.steps) == ("29.8 degrees", None, 3)
    assert purposes(ledger, result) == ["act", "draft", "act"]
    assert not any(m.content == "29.8 degrees" for m in model.requests[2].messages), "a guess"
    assert result.messages[-1].content == "29.8 degrees"


async def test_what_is_found_after_it_makes_it_old(ledger: Ledger) -> None:
    script = [SEARCH, said("30", -0.5), OTHER, said("29.76", -0.5), ANSWER]
    subject, _ = drafting(script, ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.tool_calls) == ("29.76", 2)
    assert purposes(ledger, result) == ["act", "draft", "act", "draft", "act"]


async def test_drafts_take_no_steps_of_the_budget(ledger: Ledger) -> None:
    script = [SEARCH, said("30", -0.5), OTHER, said("29.76", -0.5), ANSWER]
    subject, _ = drafting(script, ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=4))
    assert (result.output, result.exit_status) == ("29.76", "completed")


async def test_a_limit_ends_the_run_with_the_draft_that_is_there(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, UNSURE], ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=2))
    assert (result.output, result.limit) == ("29.8 degrees", "steps")


@pytest.mark.parametrize(
    "nothing", ["It is not mentioned.", "No result.", "I don't know", "Unknown"]
)
async def test_a_search_that_found_nothing_is_not_the_end(ledger: Ledger, nothing: str) -> None:
    subject, _ = drafting([SEARCH, said(nothing, -0.01), OTHER, SURE], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.tool_calls) == ("29.8 degrees", 2)


async def test_after_a_draft_that_was_too_long_there_are_no_more(ledger: Ledger) -> None:
    long = said("It melts", -0.01, finish_reason="length")
    subject, _ = drafting([SEARCH, long, OTHER, ANSWER, "It melts at 29.8 degrees."], ledger)
    result = await subject.run(TASK, mode="agent")
    assert result.output == "It melts at 29.8 degrees."
    assert purposes(ledger, result) == ["act", "draft", "act", "act", "answer"]


async def test_an_action_is_no_draft(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, said(OTHER, -0.01), ANSWER, "29.8"], ledger)
    result = await subject.run(TASK, mode="agent")
    assert result.output == "29.8"


@tool
def broken(query: str) -> str:
    """Search.

    Args:
        query: What for.
    """
    raise ValueError(query)


async def test_no_draft_where_a_call_failed(ledger: Ledger) -> None:
    call = '{"tool":"broken","arguments":{"query":"gallium"}}'
    subject, _ = drafting([call, ANSWER, "29.8"], ledger, tools=[broken])
    assert purposes(ledger, await subject.run(TASK, mode="agent")) == ["act", "act", "answer"]


async def test_no_draft_from_what_was_there_before(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, UNSURE, SEARCH, ANSWER, "29.8"], ledger)
    result = await subject.run(TASK, mode="agent")
    assert purposes(ledger, result) == ["act", "draft", "act", "act", "answer"]


@tool(side_effects=True)
def write(text: str) -> str:
    """Write.

    Args:
        text: What.
    """
    return text


class Degrees(BaseModel):
    degrees: float


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [searching([]), write]},
        {"card": SCHEMA},
        {"output_type": Degrees},
    ],
    ids=["a deed may be asked for", "no log-probabilities", "the answer is to have a form"],
)
async def test_no_draft_where_it_cannot_end_the_run(ledger: Ledger, more: dict[str, Any]) -> None:
    subject, _ = drafting([SEARCH, ANSWER, '{"degrees": 29.8}'], ledger, **more)
    assert purposes(ledger, await subject.run(TASK, mode="agent")) == ["act", "act", "answer"]


async def test_a_draft_that_has_no_room_is_left_out(ledger: Ledger) -> None:
    def no_room(_request: ModelRequest) -> str:
        raise ContextLengthError("too long")

    subject, _ = drafting([SEARCH, no_room, ANSWER, "29.8"], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.exit_status) == ("29.8", "completed")


@pytest.mark.parametrize("script", [[SEARCH, SURE], [SEARCH, UNSURE, ANSWER]])
async def test_it_is_shown_once_it_is_the_answer(ledger: Ledger, script: list[Any]) -> None:
    subject, _ = drafting(script, ledger)
    shown = [
        event.text
        async for event in subject.stream(TASK, mode="agent")
        if isinstance(event, Token) and event.channel == "answer"
    ]
    assert shown == ["29.8 degrees"]
