"""Searches begun before the model has written its call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.embedding import TrigramEmbedder
from support.fake_openai import FakeOpenAI, Reply
from support.scripted_runs import ANSWER, NATIVE, SCHEMA, SEARCH, agent, searching

from lean_agent import Agent, Budget, Ledger, RunContext, ToolSpec
from lean_agent.errors import ModelError, RetrievalError
from lean_agent.events import RunFinished
from lean_agent.ledger import queries
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.result import RunResult
from lean_agent.tool_spec import Prefetching

QUESTION = "At which temperature does gallium melt?"


class Searching:
    """Waits ``seconds`` for each search; ``ended`` are those that came to their end."""

    def __init__(
        self,
        seconds: float = 0.0,
        embedder: TrigramEmbedder | None = None,
        *,
        prefetched: str = "query",
        side_effects: bool = False,
    ) -> None:
        self.prefetched = prefetched
        self.began: list[str] = []
        self.ended: list[str] = []
        self._seconds = seconds
        self._embedder = embedder
        self.spec = ToolSpec(
            name="search",
            description="Search.",
            parameters=searching().spec.parameters,
            side_effects=side_effects,
        )

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        query = arguments["query"]
        found = await ctx.prefetched(query, None)
        if found is None:
            vector = await self._vector(query, ctx)
            found = None if vector is None else await ctx.prefetched(query, vector)
        return found or await self._search(query)

    async def prefetch(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        await self._vector(arguments["query"], ctx)
        return await self._search(arguments["query"])

    async def _vector(self, query: str, ctx: RunContext) -> NDArray[np.float32] | None:
        if self._embedder is None:
            return None
        return (await ctx.embed(self._embedder, [query])).vectors[0]

    async def _search(self, query: str) -> str:
        self.began.append(query)
        await asyncio.sleep(self._seconds)
        self.ended.append(query)
        return f"About {query}: it melts at 29.8 degrees."


def asking(*queries: str) -> list[str]:
    return [SEARCH.replace("gallium", query) for query in queries] + [ANSWER, "29.8"]


def prefetched(ledger: Ledger, result: RunResult) -> list[tuple[str, int]]:
    """(outcome, step) of each, in order."""
    rows = queries.show(ledger.folder, result.run_id)
    return [(r["finish_reason"], r["step"]) for r in rows if r["operation"] == "retrieval"]


def others() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def test_such_a_tool_has_the_protocol() -> None:
    assert isinstance(Searching(), Prefetching)
    assert not isinstance(searching(), Prefetching)


async def test_a_call_takes_what_was_begun_with_the_question(ledger: Ledger) -> None:
    tool = Searching()
    subject, _ = agent(asking(QUESTION), ledger, tools=[tool])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION]
    assert prefetched(ledger, result) == [("hit", 0)]
    assert (result.steps, result.tool_calls) == (3, 1)


async def test_case_and_blanks_make_no_other_text(ledger: Ledger) -> None:
    tool = Searching()
    subject, _ = agent(asking(f" {QUESTION.upper()}"), ledger, tools=[tool])
    await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION]


@pytest.mark.slow
async def test_a_call_waits_for_what_is_under_way(ledger: Ledger) -> None:
    tool = Searching(0.5)
    subject, _ = agent(asking(QUESTION), ledger, tools=[tool])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == tool.ended == [QUESTION]
    rows = queries.show(ledger.folder, result.run_id)
    (row,) = [row for row in rows if row["operation"] == "retrieval"]
    assert (row["purpose"], row["tool"], row["cost"]) == ("prefetch", "search", 0)
    assert 0.45 < row["seconds"] < 5
    assert row["parent_id"] == result.run_id


async def test_what_no_call_takes_is_entered_as_wasted(ledger: Ledger) -> None:
    tool = Searching()
    subject, _ = agent(asking("something else"), ledger, tools=[tool])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION, "something else"]
    # The second was begun while the model wrote its call.
    assert prefetched(ledger, result) == [("wasted", 0), ("hit", 1)]


async def test_nothing_is_begun_without_the_agent_mode(ledger: Ledger) -> None:
    tool = Searching()
    subject, _ = agent(["29.8"], ledger, tools=[tool])
    result = await subject.run(QUESTION, mode="instant")
    assert tool.began == []
    assert prefetched(ledger, result) == []


@pytest.mark.parametrize("how", [{"prefetched": ""}, {"side_effects": True}])
async def test_nothing_is_begun_where_it_is_off_or_changes_something(
    ledger: Ledger, how: dict[str, Any]
) -> None:
    tool = Searching(**how)
    subject, _ = agent(asking("gallium"), ledger, tools=[tool], allow=["*"])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == ["gallium"]
    assert prefetched(ledger, result) == []


@pytest.mark.parametrize("embeds", [False, True])
@pytest.mark.parametrize("query", [QUESTION, "gallium", "At which temperature will gallium melt?"])
async def test_the_model_sees_the_same_with_and_without_it(
    ledger: Ledger, query: str, embeds: bool
) -> None:
    seen: list[list[ModelRequest]] = []
    for argument in ("query", ""):
        # What is found for a text that is only near may differ: so it does not count here.
        embedder = TrigramEmbedder("local:test") if embeds and query != QUESTION else None
        tool = Searching(embedder=None if "will" in query else embedder, prefetched=argument)
        subject, model = agent(asking(query), ledger, tools=[tool])
        await subject.run(QUESTION, mode="agent")
        seen.append(model.requests)
    with_it, without = ([request.messages for request in requests] for requests in seen)
    assert with_it == without


async def test_a_text_of_near_meaning_will_do(ledger: Ledger) -> None:
    embedder = TrigramEmbedder("local:test")
    near, far = "At which temperatures does gallium melt?", "the oldest tree"
    cosines = [float(embedder.vector(QUESTION) @ embedder.vector(text)) for text in (near, far)]
    assert cosines[0] >= 0.9 > cosines[1]
    tool = Searching(embedder=embedder)
    subject, _ = agent(asking(near, far), ledger, ModelCard(action_format="tagged"), tools=[tool])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION, far]
    assert result.trajectory[0].observation == f"About {QUESTION}: it melts at 29.8 degrees."
    rows = queries.show(ledger.folder, result.run_id)
    embedded = [r["purpose"] for r in rows if r["operation"] == "embeddings"]
    assert embedded == ["prefetch", "embed", "embed"]
    assert result.usage.input_tokens == sum(r["input_tokens"] for r in rows)


@pytest.mark.slow
async def test_half_a_text_is_searched_for_only_where_meaning_counts(ledger: Ledger) -> None:
    long = "the melting point of gallium in degrees by the newest of all tables"
    for embedder, begun in (
        (None, [QUESTION, long]),
        (TrigramEmbedder("local:test"), [QUESTION, "the melting point", long]),
    ):
        tool = Searching(embedder=embedder)
        script = asking(long)

        async def slowly(_request: ModelRequest, action: str = script[0]) -> str:
            await asyncio.sleep(0.2)  # until the question is embedded
            return action

        subject, _ = agent([slowly, *script[1:]], ledger, tools=[tool])
        await subject.run(QUESTION, mode="agent")
        assert set(begun) <= set(tool.began)
        assert all(long.startswith(text) for text in tool.began if text != QUESTION)
        if embedder is None:
            assert tool.began == begun


@pytest.mark.slow
async def test_no_more_than_three_are_under_way(ledger: Ledger) -> None:
    tool = Searching(5, TrigramEmbedder("local:test"))
    subject, _ = agent(
        asking("one two three four five six seven eight nine ten"), ledger, tools=[tool]
    )
    run = asyncio.ensure_future(subject.run(QUESTION, mode="agent"))
    await asyncio.sleep(0.5)
    assert len(tool.began) <= 4, "three of them, and the call's own"
    run.cancel()
    await asyncio.wait({run})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ends", "fails", "stops", "is cancelled", "hits its limit"])
async def test_none_outlives_its_run(ledger: Ledger, how: str) -> None:
    tool = Searching(30)
    before = others()
    stop = asyncio.Event()
    hanging = asyncio.Event()

    async def hang(_request: ModelRequest) -> str:
        await hanging.wait()
        return ""

    script: list[Any] = {
        "ends": [ANSWER, "29.8"],
        "fails": [ModelError("down", model="m", retryable=False)],
        "hits its limit": [ANSWER, "29.8"],
    }.get(how, [hang])
    subject, _ = agent(script, ledger, tools=[tool], budget=Budget(steps=2))

    async def whole() -> None:
        async for _event in subject.stream(QUESTION, mode="agent", stop=stop):
            pass

    run = asyncio.ensure_future(whole())
    if how in {"stops", "is cancelled"}:
        await asyncio.sleep(0.3)
        stop.set() if how == "stops" else run.cancel()
    await asyncio.wait({run})
    if not run.cancelled():
        run.exception()
    assert tool.began == [QUESTION]
    assert tool.ended == []
    assert others() <= before
    (found,) = queries.runs(ledger.folder)
    rows = queries.show(ledger.folder, found["run_id"])
    assert [r["finish_reason"] for r in rows if r["operation"] == "retrieval"] == ["wasted"]


async def test_one_that_fails_costs_the_call_nothing(ledger: Ledger) -> None:
    class Failing(Searching):
        async def prefetch(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
            raise RetrievalError("the server is down")

    tool = Failing()
    subject, _ = agent(asking(QUESTION), ledger, tools=[tool])
    result = await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION]
    assert not result.trajectory[0].is_error
    rows = queries.show(ledger.folder, result.run_id)
    failed = [r for r in rows if r["operation"] == "retrieval"]
    ends = {(r["finish_reason"], r["error_type"]) for r in failed}
    assert ends == {("failed", "retrieval"), ("miss", None)}


async def test_at_a_cap_it_takes_neither_the_answer_nor_a_step(ledger: Ledger) -> None:
    tool = Searching(embedder=TrigramEmbedder("local:test"))
    subject, _ = agent(
        ["29.8"], ledger, tools=[tool], budget=Budget(steps=1, tool_calls=0, tokens=400)
    )
    result = await subject.run(QUESTION, mode="agent")
    assert result.output == "29.8"
    assert result.usage.total_tokens <= 400


async def test_hits_and_waste_stand_in_the_summary(ledger: Ledger) -> None:
    tool = Searching()
    subject, _ = agent(asking(QUESTION), ledger, tools=[tool])
    await subject.run(QUESTION, mode="agent")
    by_purpose = {row["purpose"]: row for row in queries.summary(ledger.folder, by="purpose")}
    assert by_purpose["prefetch"]["calls"] == 1
    assert by_purpose["prefetch"]["cost"] == 0


async def test_a_search_ahead_is_in_no_hurry_until_a_call_waits(ledger: Ledger) -> None:
    told: list[bool] = []

    class Asking(Searching):
        async def prefetch(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
            told.append(ctx.model_is_free())
            await asyncio.sleep(0.3)
            told.append(ctx.model_is_free())
            return "found"

    subject, _ = agent(asking(QUESTION), ledger, SCHEMA, tools=[Asking()])
    result = await subject.run(QUESTION, mode="agent")
    assert told == [False, True]
    assert result.trajectory[0].observation == "found"


@pytest.mark.parametrize("watched", [True, False])
async def test_a_native_call_is_read_along_where_it_is_streamed_anyway(
    ledger: Ledger, server: FakeOpenAI, watched: bool
) -> None:
    call = Reply(text="", tool_calls=(("search", '{"query":"gallium"}'),), piece_delay=0.02)
    server.say(call, Reply(text="29.8"))
    model = OpenAICompatibleModel("openai:test", base_url=server.url, card=NATIVE)
    tool = Searching()
    async with Agent(model=model, ledger=ledger, tools=[tool]) as subject:
        if watched:
            *_, last = [event async for event in subject.stream(QUESTION, mode="agent")]
            assert isinstance(last, RunFinished)
            result = last.result
        else:
            result = await subject.run(QUESTION, mode="agent")
    assert tool.began == [QUESTION, "gallium"]
    begun = [("wasted", 0), ("hit", 1) if watched else ("miss", 1)]
    assert prefetched(ledger, result) == begun
