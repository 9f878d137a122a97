"""An agent is asked for its answer before its next action, and ends where it is sure of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.scripted_runs import (
    ANSWER,
    SCHEMA,
    SEARCH,
    agent,
    looking_up,
    rows,
    said,
    searching,
    starts_with_the_previous,
)

from lean_agent import Agent, Budget, Ledger, Tool, tool
from lean_agent.errors import ContentFilterError, ContextLengthError, ServerDownError
from lean_agent.events import Token
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.scripted import ScriptedModel
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.recording import Recorder

CARD = ModelCard(action_format="schema", self_hosted=True, logprobs=True)
TASK = "At what temperature does gallium melt?"
OTHER = '{"tool":"search","arguments":{"query":"melting point"}}'
SURE = said("29.8 degrees", -0.01, -0.02)
BROKEN = '{"tool":"broken","arguments":{"query":"gallium"}}'
UNSURE = said("29.8 degrees", -0.01, -0.6)


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
    assert (result.output, result.steps) == ("29.8 degrees", 3)
    assert result.confidence == pytest.approx(0.737, abs=0.001)
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
    long = said("It melts", *[-0.01] * 64, finish_reason="length")
    subject, _ = drafting([SEARCH, long, OTHER, ANSWER, "It melts at 29.8 degrees."], ledger)
    result = await subject.run(TASK, mode="agent")
    assert result.output == "It melts at 29.8 degrees."
    assert purposes(ledger, result) == ["act", "draft", "act", "act", "answer"]


async def test_one_that_is_cut_for_want_of_room_is_no_long_one(ledger: Ledger) -> None:
    cut = said("It", -0.01, finish_reason="length")
    subject, _ = drafting([SEARCH, cut, OTHER, SURE], ledger)
    result = await subject.run(TASK, mode="agent")
    assert purposes(ledger, result) == ["act", "draft", "act", "draft"]


@pytest.mark.parametrize(
    "written",
    [OTHER, f"<tool>{OTHER}</tool>", f"```json\n{OTHER}\n```", "", " \n"],
    ids=["an action", "in a tag", "fenced", "nothing", "blank"],
)
@pytest.mark.parametrize("logprob", [-0.01, -0.5], ids=["sure", "unsure"])
async def test_what_is_no_answer_is_no_draft(ledger: Ledger, written: str, logprob: float) -> None:
    subject, _ = drafting([SEARCH, said(written, logprob), ANSWER, "29.8"], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.exit_status) == ("29.8", "completed")


@tool
def broken(query: str) -> str:
    """Search.

    Args:
        query: What for.
    """
    raise ValueError(query)


async def test_no_draft_where_a_call_failed(ledger: Ledger) -> None:
    subject, _ = drafting([BROKEN, ANSWER, "29.8"], ledger, tools=[broken])
    assert purposes(ledger, await subject.run(TASK, mode="agent")) == ["act", "act", "answer"]


@pytest.mark.parametrize("again", [SEARCH, BROKEN])
async def test_a_draft_stands_until_there_is_news(ledger: Ledger, again: str) -> None:
    subject, _ = drafting([SEARCH, UNSURE, again, ANSWER], ledger, tools=[searching([]), broken])
    result = await subject.run(TASK, mode="agent")
    assert result.output == "29.8 degrees"
    assert purposes(ledger, result) == ["act", "draft", "act", "act"]


async def test_a_refused_call_leaves_the_draft_to_end_with(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, UNSURE, OTHER], ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(tool_calls=1))
    assert (result.output, result.limit) == ("29.8 degrees", "tool_calls")


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
    ("task", "more"),
    [
        (TASK, {"tools": [searching([]), write]}),
        (TASK, {"card": SCHEMA}),
        (TASK, {"output_type": Degrees}),
        (f"As JSON: {TASK}", {}),
    ],
    ids=["a deed", "no log-probabilities", "an answer of a form", "an answer in JSON"],
)
async def test_no_draft_where_it_cannot_end_the_run(
    ledger: Ledger, task: str, more: dict[str, Any]
) -> None:
    subject, _ = drafting([SEARCH, ANSWER, '{"degrees": 29.8}'], ledger, **more)
    assert purposes(ledger, await subject.run(task, mode="agent")) == ["act", "act", "answer"]


def many() -> list[Tool]:
    """More tools than a model is told of at once, one of which changes something."""

    def numbered(number: int) -> Tool:
        def look(query: str) -> str:
            """Find out about something."""
            return query

        look.__name__ = f"look_{number}"
        look.__doc__ = f"Find out about subject number {number} in some catalogue of such subjects."
        return tool(look)

    return [searching([]), *(numbered(number) for number in range(200)), write]


async def test_no_draft_where_a_deed_could_be_done_by_a_tool_not_told_of_yet(
    ledger: Ledger,
) -> None:
    subject, model = drafting([SEARCH, ANSWER, "29.8"], ledger, tools=many())
    result = await subject.run(f"Search: {TASK}", mode="agent")
    assert "write" not in model.requests[0].messages[-1].content.split()
    assert purposes(ledger, result) == ["act", "act", "answer"]


async def test_finding_a_tool_finds_no_answer(ledger: Ledger) -> None:
    finding = '{"tool":"find_tools","arguments":{"query":"subject number 7"}}'
    script = [finding, SEARCH, SURE]
    subject, _ = drafting(script, ledger, tools=many()[:-1])
    result = await subject.run(f"Search: {TASK}", mode="agent")
    assert purposes(ledger, result) == ["act", "act", "draft"]


async def test_what_is_foreseen_is_looked_up_first(ledger: Ledger) -> None:
    calls: list[str] = []
    metals = looking_up("gallium", "indium", calls=calls)
    subject, _ = drafting([said("indium", -0.01)], ledger, tools=[metals])
    result = await subject.run("Which melts later, gallium or indium?", mode="agent")
    assert (result.output, calls, result.steps) == ("indium", ["gallium", "indium"], 1)


B = ModelCard(action_format="native", self_hosted=True)


async def test_a_model_that_stands_in_is_asked_for_no_draft_it_cannot_be_sure_of(
    ledger: Ledger,
) -> None:
    first = ScriptedModel([SEARCH, ServerDownError("gone")], card=CARD, name="scripted:a")
    other = ScriptedModel(["29.76"], card=B, name="scripted:b")
    subject = Agent(model=[first, other], ledger=ledger, tools=[searching([])])
    result = await subject.run(TASK, mode="agent")
    assert result.output == "29.76"
    assert [sent.top_logprobs for sent in other.requests] == [None]


async def test_a_draft_is_not_another_models_answer(ledger: Ledger) -> None:
    script = [SEARCH, said("30", -0.5), ServerDownError("gone")]
    first = ScriptedModel(script, card=CARD, name="scripted:a")
    other = ScriptedModel([ANSWER, "29.76"], card=SCHEMA, name="scripted:b")
    subject = Agent(model=[first, other], ledger=ledger, tools=[searching([])])
    assert (await subject.run(TASK, mode="agent")).output == "29.76"


async def test_one_that_the_model_refuses_ends_no_run(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, ContentFilterError("no"), ANSWER, "29.8"], ledger)
    assert (await subject.run(TASK, mode="agent")).output == "29.8"


@pytest.mark.parametrize("script", [[SEARCH, SURE], [SEARCH, UNSURE, ANSWER]])
async def test_a_recording_tells_what_each_step_took(
    ledger: Ledger, tmp_path: Path, script: list[Any]
) -> None:
    recorder = Recorder(path=tmp_path / "runs.jsonl")
    subject, _ = drafting(script, ledger, record=recorder)
    result = await subject.run(TASK, mode="agent")
    (found,) = read_trajectories(recorder.file)
    assert len(found.steps) == result.steps
    taken = [step.usage.input_tokens for step in found.steps]
    assert sum(tokens or 0 for tokens in taken) == result.usage.input_tokens
    assert None not in taken


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
