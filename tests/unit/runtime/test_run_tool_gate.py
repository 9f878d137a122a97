"""Runs that repeat themselves, or ask for what they cannot pay, on a scripted model."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    agent,
    searching,
    starts_with_the_previous,
)

from lean_agent import Budget, Ledger, Message, Tool, ToolError, tool
from lean_agent.ledger import queries
from lean_agent.messages import ToolCall
from lean_agent.model import ModelRequest


def call(name: str, **arguments: Any) -> str:
    return json.dumps({"tool": name, "arguments": arguments})


def for_ever(*calls: str) -> list[Any]:
    """A model that makes these calls in turn until it is asked for its answer."""
    turns = itertools.cycle(calls)

    def next_call(request: ModelRequest) -> str:
        asked = request.messages[-1].content.startswith("Now answer")
        return "what is known" if asked else next(turns)

    return [next_call] * 200


def failing(tried: list[str], *reasons: str) -> Tool:
    """A tool that fails for these reasons in turn."""
    told = itertools.cycle(reasons)

    @tool
    def fetch(url: str) -> str:
        """Fetch.

        Args:
            url: Where.
        """
        tried.append(url)
        raise ToolError(next(told))

    return fetch


def find(word: str) -> str:
    return call("search", query=word)


@pytest.mark.parametrize(
    ("loop", "steps"),
    [
        ([find("a")], 3),
        ([find("a"), find("b")], 4),
        ([find("a"), find("b"), find("c")], 5),
        ([find("a"), find("b"), find("c"), find("d"), find("e")], 7),
        ([find("Tin"), find("tin"), find(" tin")], 3),
        (
            [
                '{"tool":"search","arguments":{"query":"a"}}',
                '{"arguments":{"query":"a"},"tool":"search"}',
            ],
            3,
        ),
    ],
)
async def test_a_loop_of_searches_ends_after_two_served(
    loop: list[str], steps: int, ledger: Ledger
) -> None:
    subject, model = agent(for_ever(*loop), ledger, tools=[searching()])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.exit_status) == ("what is known", "completed")
    assert len(model.requests) == steps + 1
    assert starts_with_the_previous(model.requests)


async def test_what_is_served_costs_no_tool_call_and_says_so(ledger: Ledger) -> None:
    asked: list[str] = []
    subject, model = agent([find("a"), find("a"), ANSWER, "ok"], ledger, tools=[searching(asked)])
    result = await subject.run("x", mode="agent", budget=Budget(tool_calls=1))
    assert (result.exit_status, asked) == ("completed", ["a"])
    assert "You have this result already" in model.requests[2].messages[-1].content
    outcomes = [r["finish_reason"] for r in queries.show(ledger.folder, result.run_id) if r["tool"]]
    assert outcomes == ["done", "served"]


async def test_equal_calls_of_one_step_run_once(ledger: Ledger) -> None:
    asked: list[str] = []
    calls = tuple(ToolCall(f"c{i}", "search", {"query": q}) for i, q in enumerate("aba"))
    subject, model = agent(
        [Message("assistant", "", calls), "ok"], ledger, NATIVE, tools=[searching(asked)]
    )
    result = await subject.run("x", mode="agent", budget=Budget(tool_calls=2))
    assert sorted(asked) == ["a", "b"]
    assert [t.served for t in result.trajectory] == [False, False, True]
    assert result.trajectory[2].observation == result.trajectory[0].observation
    assert [m.tool_call_id for m in model.requests[1].messages[-3:]] == ["c0", "c1", "c2"]


def notebook(lines: list[str]) -> list[Tool]:
    @tool(side_effects=True)
    def write(line: str) -> str:
        """Write.

        Args:
            line: What.
        """
        lines.append(line)
        return "ok"

    @tool
    def read(page: int = 1) -> str:
        """Read.

        Args:
            page: Which.
        """
        return f"{page}: {' '.join(lines)}"

    return [write, read]


async def test_a_side_effect_forgets_what_was_read_before_it(ledger: Ledger) -> None:
    script = [
        call("read"),
        call("write", line="x"),
        call("read"),
        call("read", page=1),
        ANSWER,
        "ok",
    ]
    subject, _ = agent(script, ledger, tools=notebook([]), allow=["write"])
    result = await subject.run("x", mode="agent")
    assert [t.served for t in result.trajectory] == [False, False, False, True]
    assert [t.observation for t in result.trajectory] == ["1: ", "ok", "1: x", "1: x"]


async def test_what_was_read_beside_a_side_effect_is_not_served(ledger: Ledger) -> None:
    both = (ToolCall("c1", "read", {}), ToolCall("c2", "write", {"line": "x"}))
    again = (ToolCall("c3", "read", {}),)
    script = [Message("assistant", "", both), Message("assistant", "", again), "ok"]
    subject, _ = agent(script, ledger, NATIVE, tools=notebook([]), allow=["write"])
    result = await subject.run("x", mode="agent")
    assert [t.served for t in result.trajectory] == [False, False, False]


async def test_a_call_before_and_one_after_a_side_effect_of_the_same_step_both_run(
    ledger: Ledger,
) -> None:
    read = ToolCall("c1", "read", {})
    calls = (read, ToolCall("c2", "write", {"line": "x"}), ToolCall("c3", "read", {}))
    subject, _ = agent(
        [Message("assistant", "", calls), "ok"], ledger, NATIVE, tools=notebook([]), allow=["write"]
    )
    result = await subject.run("x", mode="agent")
    assert [t.served for t in result.trajectory] == [False, False, False]


@pytest.mark.parametrize(
    ("loop", "written"),
    [
        ([call("write", line="x")], 6),
        ([call("write", line="x"), call("write", line="y")], 3),
        ([call("write", line="x"), call("write", line="y"), call("write", line="z")], 3),
    ],
)
async def test_a_loop_of_side_effects_with_the_same_results_is_nudged_and_ended(
    loop: list[str], written: int, ledger: Ledger
) -> None:
    lines: list[str] = []
    subject, model = agent(for_ever(*loop), ledger, tools=notebook(lines), allow=["write"])
    result = await subject.run("x", mode="agent")
    assert (result.output, result.exit_status) == ("what is known", "completed")
    assert lines.count("x") == written
    assert result.trajectory[-1].refused
    told = [m.content for m in model.requests[-1].messages]
    assert sum("going round in circles" in text for text in told) == 1


async def test_side_effects_with_other_results_are_no_loop(ledger: Ledger) -> None:
    steps: list[int] = []

    @tool(side_effects=True)
    def forward() -> str:
        """Go."""
        steps.append(1)
        return f"at {len(steps)}"

    subject, _ = agent(
        [call("forward")] * 15 + [ANSWER, "there"], ledger, tools=[forward], allow=["forward"]
    )
    result = await subject.run("x", mode="agent")
    assert (len(steps), result.output) == (15, "there")


@pytest.mark.parametrize(("urls", "thoughts"), [("a", 3), ("ab", 4)])
async def test_a_call_that_fails_alike_is_tried_twice(
    ledger: Ledger, urls: str, thoughts: int
) -> None:
    tried: list[str] = []
    loop = for_ever(*(call("fetch", url=url) for url in urls))
    subject, model = agent(loop, ledger, tools=[failing(tried, "no such page")])
    result = await subject.run("x", mode="agent")
    assert tried == [*urls, *urls]
    assert result.output == "what is known"
    assert any("the same result" in m.content for m in model.requests[-1].messages)
    assert len(model.requests) == thoughts + 1


async def test_one_that_fails_in_another_way_each_time_is_tried_on(ledger: Ledger) -> None:
    tried: list[str] = []
    script = [call("fetch", url="a")] * 4 + [ANSWER, "no"]
    subject, model = agent(script, ledger, tools=[failing(tried, "refused", "busy")])
    result = await subject.run("x", mode="agent")
    assert (len(tried), result.output) == (4, "no")
    assert not any("the same result" in m.content for m in model.requests[-1].messages)


async def test_what_has_failed_twice_is_refused_later_on(ledger: Ledger) -> None:
    fetching = call("fetch", url="a")
    script = [fetching, fetching, find("b"), fetching, find("c"), ANSWER, "29.8"]
    tools = [failing([], "no such page"), searching([])]
    subject, model = agent(script, ledger, tools=tools)
    result = await subject.run("x", mode="agent")
    assert "has failed 2 times in the same way" in model.requests[4].messages[-1].content
    assert result.output == "29.8"


async def test_a_rephrased_search_that_finds_the_same_is_not_shown_again(ledger: Ledger) -> None:
    @tool
    def look(query: str) -> str:
        """Look.

        Args:
            query: What for.
        """
        return "gallium melts at 29.8 degrees. " * 20

    script = [call("look", query=q) for q in ("gallium", "melting gallium", "when gallium melts")]
    subject, model = agent([*script, "29.8"], ledger, tools=[look])
    result = await subject.run("x", mode="agent")
    assert result.output == "29.8"
    told = [m.content for m in model.requests[-1].messages if m.content.startswith("Result of")]
    assert [text.count("gallium melts") for text in told] == [20, 0, 0]
    assert "same result as an earlier call" in told[1]


async def test_different_searches_that_find_nothing_go_on(ledger: Ledger) -> None:
    @tool
    def look(query: str) -> str:
        """Look.

        Args:
            query: What for.
        """
        return "Nothing found."

    script = [call("look", query=str(n)) for n in range(6)]
    subject, _ = agent([*script, ANSWER, "nothing"], ledger, tools=[look])
    result = await subject.run("x", mode="agent")
    assert (len(result.trajectory), result.output) == (6, "nothing")


async def test_words_alone_count_where_the_tool_says_so(ledger: Ledger) -> None:
    asked: list[str] = []

    @tool(word_parameters=("query",))
    def look(query: str, code: str = "") -> str:
        """Look.

        Args:
            query: What for.
            code: Which.
        """
        asked.append(query)
        return f"{query} {code}"

    script = [
        call("look", query="Tin"),
        call("look", query=" tin"),
        call("look", query="tin", code="A"),
    ]
    subject, _ = agent([*script, ANSWER, "ok"], ledger, tools=[look])
    result = await subject.run("x", mode="agent")
    assert [t.served for t in result.trajectory] == [False, True, False]
    assert asked == ["Tin", "tin"]


def paid(calls: list[str]) -> Tool:
    @tool(cost_hint="0.30")
    def buy(item: str) -> str:
        """Buy.

        Args:
            item: What.
        """
        calls.append(item)
        return f"{item}: bought"

    return buy


async def test_what_a_tool_says_it_costs_is_charged(ledger: Ledger) -> None:
    bought: list[str] = []
    subject, _ = agent([call("buy", item="a"), ANSWER, "ok"], ledger, tools=[paid(bought)])
    result = await subject.run("x", mode="agent", budget=Budget(usd=1))
    assert result.usage.cost == Decimal("0.30")
    rows = queries.show(ledger.folder, result.run_id)
    assert [r["cost"] for r in rows if r["tool"]] == [Decimal("0.30")]


async def test_a_call_that_is_too_dear_is_refused_and_the_run_goes_on(ledger: Ledger) -> None:
    bought: list[str] = []
    script = [call("buy", item="a"), call("buy", item="b"), find("a"), ANSWER, "ok"]
    subject, model = agent(script, ledger, tools=[paid(bought), searching()])
    result = await subject.run("x", mode="agent", budget=Budget(usd="0.50"))
    assert (bought, result.exit_status, result.output) == (["a"], "completed", "ok")
    assert [t.refused for t in result.trajectory] == [False, True, False]
    assert result.tool_calls == 2
    told = model.requests[2].messages[-1].content
    assert "Refused: " in told
    assert "usd" in told or "$" in told
    assert result.usage.cost == Decimal("0.30")


async def test_a_dear_call_asked_for_again_and_again_ends_in_an_answer(ledger: Ledger) -> None:
    subject, model = agent(for_ever(call("buy", item="a")), ledger, tools=[paid([])])
    result = await subject.run("x", mode="agent", budget=Budget(usd="0.10"))
    assert (result.output, result.usage.cost) == ("what is known", 0)
    assert len(model.requests) == 3


async def test_a_resumed_run_remembers_what_was_called(ledger: Ledger, tmp_path: Path) -> None:
    asked: list[str] = []
    subject, _ = agent(
        [find("a"), "so far", find("a"), ANSWER, "ok"],
        ledger,
        tools=[searching(asked)],
        checkpoints=tmp_path / "checkpoints.sqlite",
    )
    first = await subject.run("x", mode="agent", budget=Budget(steps=2))
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert (asked, second.output) == (["a"], "ok")
    assert [t.served for t in second.trajectory] == [False, True]


@pytest.mark.parametrize(("tokens", "runs"), [(9_000, True), (3_500, False)])
async def test_a_call_whose_result_no_answer_could_read_is_not_made(
    tokens: int, runs: bool, ledger: Ledger
) -> None:
    """A question so long that its first step leaves too little to ask it once more."""
    asked: list[str] = []
    searches = Message("assistant", "", (ToolCall("c1", "search", {"query": "a"}),))
    subject, _ = agent([searches, "ok"], ledger, NATIVE, tools=[searching(asked)])
    question = " ".join(f"word{n}" for n in range(1_000))
    result = await subject.run(question, mode="agent", budget=Budget(tokens=tokens))
    assert bool(asked) is runs
    assert [t.refused for t in result.trajectory] == [not runs]
    assert (result.limit, result.output) == ((None, "ok") if runs else ("tokens", ""))
