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
from lean_agent.errors import ContentFilterError, ContextLengthError
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


async def test_a_draft_is_a_step_of_the_budget(ledger: Ledger) -> None:
    script = [SEARCH, said("30", -0.5), OTHER, said("29.76", -0.5), ANSWER]
    subject, _ = drafting(script, ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=5))
    assert (result.output, result.limit, result.steps) == ("29.76", "steps", 4)
    subject, _ = drafting(script, ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=6))
    assert (result.output, result.exit_status, result.steps) == ("29.76", "completed", 5)
    assert [row["step"] for row in rows(ledger, result)] == [1, 2, 2, 3, 3]


async def test_the_step_that_is_held_back_is_not_for_a_draft(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, "29.8"], ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=2))
    assert (result.output, result.limit) == ("29.8", "steps")
    assert purposes(ledger, result) == ["act", "answer"]


@pytest.mark.parametrize(("logprob", "sure"), [(-0.22, True), (-0.23, False)])  # .803 and .795
async def test_sure_is_a_confidence_of_eight_tenths(
    ledger: Ledger, logprob: float, sure: bool
) -> None:
    subject, _ = drafting([SEARCH, said("29.8", logprob), ANSWER], ledger)
    result = await subject.run(TASK, mode="agent")
    assert (result.output, result.steps) == ("29.8", 2 if sure else 3)


async def test_a_plain_no_is_an_answer(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, said("No.", -0.01)], ledger)
    assert (await subject.run("Is gallium solid at 40?", mode="agent")).output == "No."


async def test_a_limit_ends_the_run_with_the_draft_that_is_there(ledger: Ledger) -> None:
    subject, _ = drafting([SEARCH, UNSURE], ledger)
    result = await subject.run(TASK, mode="agent", budget=Budget(steps=3))
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
