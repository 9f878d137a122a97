from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.baseline_runs import means
from support.scripted_runs import searching

from lean_agent import Budget, LeanAgentError, RunResult
from lean_agent.errors import ModelError
from lean_agent.models.scripted import ScriptedModel, ScriptedResponse
from lean_agent_evals.arms import arm_named

ACTION = "I look.\nAction: search\nAction Input: {}"
ANSWER = "I now know the final answer\nFinal Answer: 29.8"


async def attempt(
    script: Sequence[ScriptedResponse], folder: Path, **given: Any
) -> tuple[RunResult, ScriptedModel, list[str]]:
    model = ScriptedModel(script)
    queries: list[str] = []
    asked = means(model, folder, [searching(queries)], **given)
    result = await arm_named("react").attempt("When does it melt?", asked)
    return result, model, queries


def act(written: str) -> str:
    return ACTION.replace("{}", written)


async def test_it_acts_observes_and_answers(tmp_path: Path) -> None:
    script = ["Thought: " + act('{"query": "gallium"}'), ANSWER]
    result, model, queries = await attempt(script, tmp_path)
    assert (result.output, result.exit_status, result.steps) == ("29.8", "completed", 2)
    assert queries == ["gallium"]
    assert [(s.tool, s.step, s.is_error) for s in result.trajectory] == [("search", 1, False)]
    first, second = (request.messages[0].content for request in model.requests)
    assert second.startswith(first)  # one growing text: the server's prefix cache serves it
    assert second[len(first) :].startswith(" I look.\nAction: search\n")
    assert second.endswith("29.8 degrees.\nThought:")
    assert model.requests[0].stop == ("\nObservation",)
    assert (model.requests[0].temperature, model.requests[0].seed) == (0.25, 7)


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("gallium", "gallium"),
        ('"gallium"', "gallium"),
        ('```json\n{"query": "gallium"}\n```', "gallium"),
        ("{'query': 'gallium',}", "gallium"),
        ('{"query": "gallium"}\nAction Input: {"query": "tin"}', "gallium"),
        ('{"query": "gallium"}\nObservation: it is 3\nFinal Answer: 3', "gallium"),
    ],
)
async def test_an_actions_input_is_read_as_it_is_meant(
    written: str, query: str, tmp_path: Path
) -> None:
    result, _, queries = await attempt([act(written), ANSWER], tmp_path)
    assert (queries, result.output) == ([query], "29.8")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("29.8", "Missing 'Action:' after 'Thought:'"),
        ("Hm.\nAction: search", "Missing 'Action Input:' after 'Action:'"),
        ("Hm.\nAction: look\nAction Input: {}", "look is not a valid tool, try one of [search]"),
        (act('{"query": 3, "page": 1}'), "Error: "),
    ],
)
async def test_what_cannot_be_read_is_for_the_model_to_mend(
    said: str, complaint: str, tmp_path: Path
) -> None:
    result, model, queries = await attempt([said, ANSWER], tmp_path)
    assert complaint in model.requests[1].messages[0].content
    assert (result.output, result.steps, queries) == ("29.8", 2, [])


async def test_out_of_steps_it_has_no_answer_but_its_work(tmp_path: Path) -> None:
    script = [act('{"query": "a"}'), act('{"query": "b"}'), ANSWER]
    result, model, queries = await attempt(script, tmp_path, budget=Budget(steps=2))
    assert (result.exit_status, result.limit, result.output) == ("limit_exceeded", "steps", "")
    assert (len(result.trajectory), result.steps, len(model.requests)) == (2, 2, 2)
    assert queries == ["a", "b"]


async def test_a_tool_call_over_its_limit_is_refused_and_told(tmp_path: Path) -> None:
    script = [act('{"query": "a"}'), act('{"query": "b"}'), ANSWER]
    budget = Budget(steps=6, tool_calls=1)
    result, _, queries = await attempt(script, tmp_path, budget=budget)
    assert (queries, result.tool_calls, result.output) == (["a"], 1, "29.8")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "tool_calls")
    assert result.trajectory[1].observation.startswith("Refused: tool_calls limit reached")


async def test_a_provider_that_fails_is_no_wrong_answer(tmp_path: Path) -> None:
    script = [act('{"query": "a"}'), ModelError("out of order", model="scripted:test")]
    with pytest.raises(LeanAgentError, match="out of order") as caught:
        await attempt(script, tmp_path)
    assert isinstance(caught.value, ModelError)
    assert caught.value.result is not None
    assert len(caught.value.result.trajectory) == 1
    assert caught.value.result.exit_status == "failed"
