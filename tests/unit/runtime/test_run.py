"""The graph end to end on a scripted model, with the real ledger, budget and tools."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    SEARCH,
    agent,
    rows,
    searching,
    starts_with_the_previous,
)

from lean_agent import Ledger, Message, ToolError, tool
from lean_agent.errors import ConfigurationError
from lean_agent.messages import ToolCall


async def test_instant_answers_in_one_call(ledger: Ledger) -> None:
    subject, model = agent(["Canberra."], ledger)
    result = await subject.run("What is the capital of Australia?")
    assert (result.output, result.mode, result.exit_status) == ("Canberra.", "instant", "completed")
    assert (result.steps, result.tool_calls) == (1, 0)
    assert [m.role for m in result.messages] == ["system", "user", "assistant"]
    assert result.usage.cost == 0
    assert result.usage.provenance == {"self_hosted"}
    (row,) = rows(ledger, result)
    assert (row["purpose"], row["mode"], row["attempt"]) == ("answer", "instant", 1)
    assert result.usage.input_tokens == row["input_tokens"] > 0
    assert len(model.requests) == 1


async def test_agent_searches_then_answers_with_a_stable_prefix(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent([SEARCH, ANSWER, "29.8 degrees"], ledger, tools=[searching(asked)])
    result = await subject.run("At what temperature does gallium melt?", mode="agent")
    assert (result.output, result.exit_status) == ("29.8 degrees", "completed")
    assert (result.steps, result.tool_calls, asked) == (3, 1, ["gallium"])
    (step,) = result.trajectory
    assert (step.tool, step.is_error, step.served) == ("search", False, False)
    assert "29.8" in step.observation
    assert starts_with_the_previous(model.requests)
    assert [r["purpose"] for r in rows(ledger, result)] == ["act", "act", "answer"]
    assert model.requests[0].response_schema is not None
    assert model.requests[2].response_schema is None, "the answer is written in plain text"
    assert model.requests[2].not_beginning == "{", "and is no action"


@pytest.mark.parametrize(
    ("wish", "instructions"),
    [
        ("Answer in JSON.", ""),
        ("Show prices.json.", ""),
        ('Fill in {"degrees": ...}.', ""),
        ("", "Reply with a json object."),
    ],
)
async def test_an_answer_that_may_be_json_begins_as_it_likes(
    ledger: Ledger, wish: str, instructions: str
) -> None:
    said = [SEARCH, ANSWER, '{"degrees": 29.8}']
    subject, model = agent(said, ledger, tools=[searching([])], instructions=instructions)
    result = await subject.run(f"When does gallium melt? {wish}", mode="agent")
    assert (result.output, model.requests[2].not_beginning) == ('{"degrees": 29.8}', "")


async def test_native_calls_of_one_step_run_side_by_side(ledger: Ledger) -> None:
    together = asyncio.Barrier(2)

    @tool
    async def fetch(name: str) -> str:
        """Fetch.

        Args:
            name: What.
        """
        async with asyncio.timeout(5):
            await together.wait()
        return name.upper()

    calls = (ToolCall("c1", "fetch", {"name": "a"}), ToolCall("c2", "fetch", {"name": "b"}))
    subject, model = agent(
        [Message("assistant", "", calls), "A and B"], ledger, NATIVE, tools=[fetch]
    )
    result = await subject.run("fetch both")
    assert [t.observation for t in result.trajectory] == ["A", "B"]
    assert [m.tool_call_id for m in result.messages if m.role == "tool"] == ["c1", "c2"]
    assert result.output == "A and B"
    assert starts_with_the_previous(model.requests)
    assert all(r.tools == model.requests[0].tools for r in model.requests)


async def test_tools_not_safe_beside_each_other_run_in_line(ledger: Ledger) -> None:
    inside = 0
    most = 0

    @tool(concurrency_safe=False)
    async def write(name: str) -> str:
        """Write.

        Args:
            name: What.
        """
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return name

    calls = tuple(ToolCall(f"c{i}", "write", {"name": str(i)}) for i in range(3))
    subject, _ = agent([Message("assistant", "", calls), "done"], ledger, NATIVE, tools=[write])
    await subject.run("write all")
    assert most == 1


async def test_malformed_action_is_shown_to_the_model_and_mended(ledger: Ledger) -> None:
    subject, model = agent(
        ['{"tool":"browse","arguments":{}}', SEARCH, ANSWER, "ok"], ledger, tools=[searching()]
    )
    result = await subject.run("x", mode="agent")
    assert result.output == "ok"
    assert "no tool called 'browse'" in model.requests[1].messages[-1].content
    assert starts_with_the_previous(model.requests)


async def test_a_model_that_only_talks_nonsense_still_ends_in_an_answer(ledger: Ledger) -> None:
    subject, _ = agent(["??", "?!", "??", "I do what I can"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.steps) == ("I do what I can", 4)


async def test_nonsense_written_once_more_is_not_waited_for_again(ledger: Ledger) -> None:
    subject, _ = agent(["?!", "??", "??", "I do what I can"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.steps) == ("I do what I can", 4)
    subject, _ = agent(["??", "??", "I do what I can"], ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.steps) == ("I do what I can", 3)


async def test_identical_calls_are_served_and_the_loop_is_ended(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent([SEARCH] * 3 + ["29.8"], ledger, tools=[searching(asked)])
    result = await subject.run("x", mode="agent")
    assert asked == ["gallium"], "the tool ran once"
    assert [t.served for t in result.trajectory] == [False, True, True]
    assert result.output == "29.8"
    assert len(model.requests) == 4


async def test_calls_with_side_effects_are_never_served_from_memory(ledger: Ledger) -> None:
    done: list[str] = []

    @tool(side_effects=True)
    def append(line: str) -> str:
        """Append.

        Args:
            line: What.
        """
        done.append(line)
        return "ok"

    call = '{"tool":"append","arguments":{"line":"x"}}'
    subject, _ = agent([call, call, ANSWER, "twice"], ledger, tools=[append], allow=["append"])
    await subject.run("append x twice", mode="agent")
    assert done == ["x", "x"]


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ToolError("the page is gone"), "Error: the page is gone"),
        (ValueError("bad\nTraceback (most recent call last)"), "Error: ValueError: bad"),
    ],
)
async def test_a_failing_tool_is_shown_to_the_model(
    error: Exception, shown: str, ledger: Ledger
) -> None:
    @tool
    def fails(query: str) -> str:
        """Fail.

        Args:
            query: Anything.
        """
        raise error

    call = '{"tool":"fails","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "it failed"], ledger, tools=[fails])
    result = await subject.run("x", mode="agent")
    (step,) = result.trajectory
    assert (step.is_error, step.observation) == (True, shown)
    assert result.exit_status == "completed"


async def test_a_hanging_tool_is_stopped_at_its_timeout(ledger: Ledger) -> None:
    release = threading.Event()

    @tool(timeout=0.2)
    def hangs(query: str) -> str:
        """Hang.

        Args:
            query: Anything.
        """
        release.wait(20)
        return query

    call = '{"tool":"hangs","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "too slow"], ledger, tools=[hangs])
    result = await subject.run("x", mode="agent")
    release.set()
    assert "longer than 0.2 s" in result.trajectory[0].observation
    assert result.output == "too slow"


async def test_a_huge_tool_result_is_cut_and_says_so(ledger: Ledger) -> None:
    @tool
    def huge(query: str) -> str:
        """Flood.

        Args:
            query: Anything.
        """
        return "x" * 50_000_000

    call = '{"tool":"huge","arguments":{"query":"x"}}'
    subject, _ = agent([call, ANSWER, "much"], ledger, tools=[huge])
    result = await subject.run("x", mode="agent")
    observation = result.trajectory[0].observation
    assert len(observation) < 4_200
    assert "4000 of 50000000 characters shown" in observation


@pytest.mark.parametrize("poor", ["", "I'm sorry, but I cannot help with that."])
async def test_an_answer_that_fails_its_check_escalates_and_keeps_what_was_said(
    poor: str, ledger: Ledger
) -> None:
    subject, _ = agent([poor, "Thinking.\nAnswer: Canberra"], ledger)
    result = await subject.run("What is the capital of Australia?")
    assert (result.output, result.mode, result.steps) == ("Canberra", "reason", 2)
    assert "failed its check" in result.mode_reason
    assert [r["mode"] for r in rows(ledger, result)] == ["instant", "reason"]


async def test_a_forced_mode_does_not_escalate(ledger: Ledger) -> None:
    subject, model = agent([""], ledger)
    result = await subject.run("hello", mode="instant")
    assert (result.output, len(model.requests)) == ("", 1)


async def test_reasoning_gives_its_marked_answer_or_is_asked_for_it(ledger: Ledger) -> None:
    subject, _ = agent(["6 * 7 is 42.\nAnswer: 42", "so many thoughts", "Answer: 43"], ledger)
    first = await subject.run("x", mode="reason")
    assert (first.output, first.steps) == ("42", 1)
    second = await subject.run("x", mode="reason")
    assert (second.output, second.steps) == ("43", 2)


def test_two_tools_of_one_name_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="two tools are called 'search'"):
        agent([], ledger, tools=[searching(), searching()])
