"""The plan tool: a model hands a puzzle over, and gets its answer or one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.scripted_runs import agent

from lean_agent import Ledger
from lean_agent.context import RunContext
from lean_agent.errors import LeanAgentError
from lean_agent.testing import check_tool
from lean_agent_planners.plan_tool import plan_tool


async def called(domain: object, instance: object) -> str:
    return await plan_tool.call({"domain": domain, "instance": instance}, RunContext())


async def test_it_keeps_the_contract_of_a_tool() -> None:
    await check_tool(plan_tool, {"domain": "game24", "instance": "4 6"})


async def test_a_puzzle_is_solved_alone_and_in_its_words() -> None:
    assert await called("game24", "3 3 8 8") == "8 / (3 - (8 / 3))"
    assert await called("game24", "Use 3 3 8 8 to make 24.") == "8 / (3 - (8 / 3))"
    assert (await called("game24", "1 1 1 1")).startswith("There is no solution")


@pytest.mark.parametrize(
    ("domain", "instance", "line"),
    [
        ("chess", "e4", "'domain': blocksworld, crosswords, game24"),
        (None, "e4", "'domain'"),
        ("game24", 4, "'instance', a text"),
        ("game24", "four", "no game of 24"),
        ("sokoban", "####", "0 players"),
    ],
)
async def test_what_is_no_puzzle_is_one_line(domain: object, instance: object, line: str) -> None:
    with pytest.raises(LeanAgentError) as told:
        await called(domain, instance)
    assert "\n" not in told.value.message
    assert line in told.value.message


async def test_the_questions_own_puzzle_stands_for_a_name_of_it() -> None:
    ctx = RunContext(task="Use 3 3 8 8 to make 24.")
    for domain in ("game24", "sokoban"):
        told = await plan_tool.call({"domain": domain, "instance": "puzzle_1"}, ctx)
        assert told == "The question's own puzzle (game24): 8 / (3 - (8 / 3))"
    named, other = {"domain": "game24", "instance": "puzzle_1"}, RunContext(task="What is 3 + 8?")
    with pytest.raises(LeanAgentError, match="'puzzle_1' is no game of 24"):
        await plan_tool.call(named, other)


@pytest.mark.slow
async def test_an_agent_answers_with_what_it_found(tmp_path: Path) -> None:
    asked = {"tool": "plan", "arguments": {"domain": "game24", "instance": "the numbers"}}
    subject, _ = agent(
        [json.dumps(asked), '{"tool":"answer"}', "8 / (3 - 8 / 3)"],
        Ledger(tmp_path),
        tools=[plan_tool],
    )
    result = await subject.run("How do I make 24 with 3, 3, 8 and 8?", mode="agent")
    (step,) = result.trajectory
    assert step.observation == "The question's own puzzle (game24): 8 / (3 - (8 / 3))"
    assert result.output == "8 / (3 - 8 / 3)"


def test_its_words_for_the_model_are_few_and_hold_no_example() -> None:
    told = json.dumps([plan_tool.spec.description, plan_tool.spec.parameters])
    assert len(told) < 400
    assert not any(sign.isdigit() for sign in told.replace("game24", ""))
