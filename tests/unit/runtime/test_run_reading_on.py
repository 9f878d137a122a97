"""Long results are cut to a budget of tokens, and the model may read on."""

from __future__ import annotations

import json
import re

import pytest
from support.scripted_runs import (
    ANSWER,
    NATIVE,
    SCHEMA,
    SEARCH,
    agent,
    searching,
    starts_with_the_previous,
)

from lean_agent import Ledger, Message, Tool, tool
from lean_agent.messages import ToolCall
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.runtime.reading_on import KeptTexts, ReadMore

READ = '{"tool":"book","arguments":{}}'
TAGGED = ModelCard(action_format="tagged", self_hosted=True)


def book(text: str, max_output_chars: int = 300) -> Tool:
    @tool(max_output_chars=max_output_chars)
    def book() -> str:
        """Read the book."""
        return text

    return book


def on(request: ModelRequest) -> str:
    """Does what the last note says."""
    note = re.search(r"to read on: (\{.*\})\]", request.messages[-1].content)
    return note[1] if note else ANSWER


def names(request: ModelRequest) -> list[str]:
    assert request.response_schema is not None
    return [b["properties"]["tool"]["const"] for b in request.response_schema["anyOf"]]


async def test_a_long_result_is_read_part_by_part_until_its_end(ledger: Ledger) -> None:
    text = "".join(f"word{n} " for n in range(120))
    subject, model = agent([READ, on, on, on, "read"], ledger, tools=[book(text)])
    result = await subject.run("x", mode="agent")
    assert [t.tool for t in result.trajectory] == ["book", "read_more", "read_more"]
    shown = [re.sub(r"\n\[.*\]$", "", t.observation) for t in result.trajectory]
    assert "".join(shown) == text
    assert result.trajectory[-1].observation.endswith(
        f"[the end: characters 600 to {len(text)} of {len(text)}]"
    )
    assert starts_with_the_previous(model.requests)


async def test_it_is_offered_only_once_something_was_cut(ledger: Ledger) -> None:
    subject, model = agent(
        [SEARCH, READ, ANSWER, "ok"], ledger, tools=[searching(), book("x" * 900)]
    )
    await subject.run("x", mode="agent")
    told = [any("read_more" in m.content for m in r.messages) for r in model.requests]
    assert told == [False, False, True, True]
    assert [names(r) for r in model.requests[:3]] == [
        ["search", "book", "answer"],
        ["search", "book", "answer"],
        ["search", "book", "read_more", "answer"],
    ]
    assert starts_with_the_previous(model.requests)


@pytest.mark.parametrize("card", [NATIVE, TAGGED, SCHEMA])
async def test_it_may_be_called_in_every_format(card: ModelCard, ledger: Ledger) -> None:
    read = READ if card == SCHEMA else f"<tool>{READ}</tool>"
    first = Message("assistant", "", (ToolCall("c1", "book", {}),)) if card == NATIVE else read
    end = [ANSWER, "done"] if card == SCHEMA else ["done"]
    subject, model = agent([first, on, *end], ledger, card, tools=[book("a" * 300 + "b" * 200)])
    result = await subject.run("x", mode="agent")
    assert [t.tool for t in result.trajectory] == ["book", "read_more"]
    assert result.trajectory[1].observation.startswith("b" * 200)
    assert result.output == "done"
    assert starts_with_the_previous(model.requests)
    assert all(r.tools == model.requests[0].tools for r in model.requests)
    ids = {c.id for m in result.messages for c in m.tool_calls}
    assert {m.tool_call_id for m in result.messages if m.role == "tool"} <= ids


async def test_the_tool_of_that_name_stays_the_callers(ledger: Ledger) -> None:
    @tool
    def read_more(page: int) -> str:
        """Read.

        Args:
            page: Which.
        """
        return f"page {page}"

    script = ['{"tool":"read_more","arguments":{"page":2}}', ANSWER, "ok"]
    subject, _ = agent(script, ledger, tools=[read_more, book("x" * 900)])
    result = await subject.run("x", mode="agent")
    assert result.trajectory[0].observation == "page 2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"handle": "r9", "offset": 0}, "nothing is kept as 'r9'"),
        ({"handle": "r1", "offset": 900}, "900 characters"),
        ({"handle": "r1", "offset": -1}, "not in it"),
        ({"handle": "r1", "offset": "soon"}, "whole number"),
        ({}, "nothing is kept"),
    ],
)
async def test_a_place_that_is_not_there_is_told(
    arguments: dict[str, object], said: str, ledger: Ledger
) -> None:
    call = json.dumps({"tool": "read_more", "arguments": arguments})
    subject, _ = agent([READ, call, ANSWER, "ok"], ledger, tools=[book("x" * 900)])
    result = await subject.run("x", mode="agent")
    assert result.trajectory[1].is_error
    assert said in result.trajectory[1].observation


def counting(per_char: float) -> KeptTexts:
    async def count(text: str) -> int:
        return round(len(text) * per_char)

    return KeptTexts(count)


@pytest.mark.parametrize(
    ("text", "per_char", "shown"),
    [
        ("a" * 600, 0.25, 600),  # English
        ("a" * 601, 0.25, 600),
        ("1" * 600, 0.9, 222),  # numbers: 200 tokens
        ("a" * 600, 1, 600),  # a byte a token: the tokenizer is unknown
        ("界" * 600, 3, 200),
        ("", 1, 0),
    ],
)
async def test_a_part_has_few_enough_tokens(text: str, per_char: float, shown: int) -> None:
    part = (await counting(per_char).begin(text, 600)).partition("\n[")[0]
    assert abs(len(part) - shown) <= 1
    assert text.startswith(part)


async def test_every_part_moves_on() -> None:
    texts = counting(2.9)
    assert await texts.begin("界" * 5, 1) != "界" * 5
    assert (await texts.go_on("r1", 1)).startswith("界\n[")
    assert ReadMore(texts).spec.name == "read_more"
