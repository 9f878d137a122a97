"""A draft that an agent was not sure of is kept: how long, for which model, over resumed runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.scripted_runs import ANSWER, SCHEMA, SEARCH, agent, rows, said, searching

from lean_agent import Agent, Budget, Ledger, tool
from lean_agent.errors import ModelError, ServerDownError
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel

CARD = ModelCard(action_format="schema", self_hosted=True, logprobs=True)
TASK = "At what temperature does gallium melt?"
OTHER = '{"tool":"search","arguments":{"query":"melting point"}}'
BROKEN = '{"tool":"broken","arguments":{"query":"gallium"}}'
UNSURE = said("29.8 degrees", -0.01, -0.6)


@tool
def broken(query: str) -> str:
    """Search.

    Args:
        query: What for.
    """
    raise ValueError(query)


def drafting(script: list[Any], ledger: Ledger, **more: Any) -> tuple[Agent, ScriptedModel]:
    return agent(script, ledger, CARD, **{"tools": [searching([])], **more})


def purposes(ledger: Ledger, result: Any) -> list[str]:
    return [row["purpose"] for row in rows(ledger, result)]


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


async def test_a_server_that_is_down_is_not_asked_twice(ledger: Ledger) -> None:
    down = ServerDownError("gone", retryable=True)
    first = ScriptedModel([SEARCH, down], card=CARD, name="scripted:a")
    other = ScriptedModel([ANSWER, "29.76"], card=SCHEMA, name="scripted:b")
    subject = Agent(model=[first, other], ledger=ledger, tools=[searching([])])
    result = await subject.run(TASK, mode="agent")
    assert result.output == "29.76"
    assert len(first.requests) == 2, "its next action is not tried, too"


class Degrees(BaseModel):
    degrees: float


def resumable(script: list[Any], ledger: Ledger, path: Path, **more: Any) -> Agent:
    subject, _ = drafting(script, ledger, checkpoints=path / "checkpoints.sqlite", **more)
    return subject


async def test_after_a_limit_another_answer_has_no_confidence_of_the_draft(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = await resumable([SEARCH, UNSURE], ledger, tmp_path).run(
        TASK, mode="agent", budget=Budget(steps=3)
    )
    assert (first.output, first.limit) == ("29.8 degrees", "steps")
    subject = resumable([ANSWER, "29.76"], ledger, tmp_path)
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert (second.output, second.confidence, second.steps) == ("29.76", None, 4)


async def test_no_cap_is_passed_by_the_steps_of_resumed_runs(
    ledger: Ledger, tmp_path: Path
) -> None:
    script = [SEARCH, UNSURE]
    result = await resumable(script, ledger, tmp_path).run(
        TASK, mode="agent", budget=Budget(steps=3)
    )
    for query, cap in (("tin", 5), ("lead", 7)):
        script = [SEARCH.replace("gallium", query), UNSURE]
        subject = resumable(script, ledger, tmp_path)
        result = await subject.resume(result.run_id, budget=Budget(steps=cap))
        assert (result.limit, result.output) == ("steps", "29.8 degrees")
        assert result.steps <= cap


async def test_an_answer_of_a_type_is_asked_for_where_a_draft_was_kept(
    ledger: Ledger, tmp_path: Path
) -> None:
    subject = resumable([SEARCH, UNSURE, ModelError("broken")], ledger, tmp_path)
    with pytest.raises(ModelError) as failed:
        await subject.run(TASK, mode="agent")
    assert failed.value.result is not None
    typed = resumable([ANSWER, '{"degrees": 29.8}'], ledger, tmp_path, output_type=Degrees)
    result = await typed.resume(failed.value.result.run_id)
    assert result.output == Degrees(degrees=29.8)
