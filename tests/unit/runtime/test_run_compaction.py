"""Runs whose context is compacted: where it is full, where it pays, where a server refuses it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.scripted_runs import ANSWER, agent, starts_with_the_previous

from lean_agent import Agent, Budget, Ledger, Message, Tool, ToolCall, tool
from lean_agent.errors import ContextLengthError
from lean_agent.events import ContextCompacted, Event, RunFinished, StepStarted
from lean_agent.ledger import queries
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable
from lean_agent.result import RunResult

TOO_LONG = {"error": {"message": "too long", "code": "context_length_exceeded"}}
LENGTH = 1_500


def look(number: int) -> str:
    return json.dumps({"tool": "look", "arguments": {"number": number}})


def looking(calls: list[int] | None = None, length: int = LENGTH) -> Tool:
    @tool(word_parameters=())
    def look(number: int) -> str:
        """Look.

        Args:
            number: Where.
        """
        if calls is not None:
            calls.append(number)
        return (f"{number} is here. " * length)[:length]

    return look


async def watched(subject: Agent, **more: Any) -> tuple[RunResult, list[ContextCompacted]]:
    events: list[Event] = [event async for event in subject.stream("x", mode="agent", **more)]
    assert isinstance(events[-1], RunFinished)
    return events[-1].result, [e for e in events if isinstance(e, ContextCompacted)]


def sent(request: ModelRequest) -> str:
    return "\n".join(message.content for message in request.messages)


async def test_a_full_window_is_made_room_in_and_the_run_goes_on(ledger: Ledger) -> None:
    calls: list[int] = []
    script = [*(look(n) for n in range(6)), ANSWER, "done"]
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=1_500)
    subject, model = agent(script, ledger, card, tools=[looking(calls)])
    result, told = await watched(subject)
    assert (result.output, result.exit_status, result.steps) == ("done", "completed", 8)
    assert calls == list(range(6))
    assert {event.reason for event in told} == {"full"}
    assert told[0].before > 1_500 - 375
    assert all(event.before > event.after for event in told)
    (row, *_) = [
        row for row in queries.show(ledger.folder, result.run_id) if row["operation"] == "compact"
    ]
    assert row["finish_reason"] == f"{told[0].before} to {told[0].after} tokens"
    assert (row["purpose"], row["tool"], row["cost"]) == ("compact", "full", 0)
    # Nothing of what was done is lost to the caller, and the model reads the newest whole.
    assert [len(step.observation) for step in result.trajectory] == [LENGTH] * 6
    assert [m.content.count("is here") > 20 for m in result.messages].count(True) == 6
    for request, step in zip(model.requests[1:7], result.trajectory, strict=True):
        assert step.observation in sent(request)
    last = sent(model.requests[-1])
    assert result.trajectory[0].observation not in last
    assert '"handle": "r1", "offset": ' in last
    assert result.context[-1] == result.messages[-1]
    assert sum(len(m.content) for m in result.context) < 6_000


async def test_the_prefix_is_kept_between_compactions(ledger: Ledger) -> None:
    script = [*(look(n) for n in range(6)), ANSWER, "done"]
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=1_500)
    subject, model = agent(script, ledger, card, tools=[looking()])
    events = [event async for event in subject.stream("x", mode="agent")]
    rewritten = {
        after.step
        for event, after in itertools.pairwise(events)
        if isinstance(event, ContextCompacted) and isinstance(after, StepStarted)
    }
    told = sum(isinstance(event, ContextCompacted) for event in events)
    breaks = {
        step
        for step, pair in enumerate(itertools.pairwise(model.requests), 2)
        if not starts_with_the_previous(pair)
    }
    assert breaks == rewritten
    assert 0 < len(breaks) == told < len(model.requests) - 1


def priced(tmp_path: Path) -> PriceTable:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[models."openai:x"]\ninput = "1"\ncached_input = "0.1"\noutput = "4"\n', encoding="utf-8"
    )
    return PriceTable(table)


def served(server: FakeOpenAI, tmp_path: Path, ledger: Ledger, **more: Any) -> Agent:
    card = ModelCard(action_format="native", context_tokens=100_000)
    model = OpenAICompatibleModel("openai:x", base_url=server.url, api_key="k", card=card)
    return Agent(model=model, ledger=ledger, prices=priced(tmp_path), **more)


def asks_on(replies: int, cached: int, chatter: str = "") -> Any:
    """A model that looks ``replies`` times, then answers."""

    def reply(request: FakeRequest) -> Reply:
        done = sum(message["role"] == "assistant" for message in request.body["messages"])
        if done < replies:
            arguments = json.dumps({"number": done})
            call = (("look", arguments),)
            return Reply(text=chatter, tool_calls=call, cached_tokens=cached if done else 0)
        return Reply(text="done", cached_tokens=cached)

    return reply


@pytest.mark.parametrize(("cached", "compacts"), [(100, False), (0, True)])
async def test_where_nothing_is_cached_it_pays_at_once(
    cached: int, compacts: bool, ledger: Ledger, tmp_path: Path
) -> None:
    # Six results of 1,333 tokens: 4,000 may be saved of 8,000 when there were six steps.
    with FakeOpenAI(asks_on(4, cached)) as server:
        subject = served(server, tmp_path, ledger, tools=[looking(length=4_000)])
        async with subject:
            result, told = await watched(subject)
    assert result.output == "done"
    assert bool(told) is compacts
    assert {event.reason for event in told} <= {"pays"}


async def test_with_a_cache_it_pays_once_enough_calls_are_to_come(
    ledger: Ledger, tmp_path: Path
) -> None:
    bodies: list[Any] = []
    with FakeOpenAI(asks_on(9, 100, chatter="Let me look. ")) as server:
        subject = served(server, tmp_path, ledger, tools=[looking(length=4_000)])
        async with subject:
            result, told = await watched(subject)
            bodies = [request.body for request in server.chats]
    assert result.output == "done"
    assert [event.reason for event in told] == ["pays"]
    (event,) = told
    assert event.after < event.before / 2
    # Every call is still there, without the words around it, and with its result.
    messages = bodies[-1]["messages"]
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert ids == [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(ids) == 9
    chatter = [m["content"] for m in messages if m["role"] == "assistant"]
    assert chatter[0] is None
    assert chatter[-1] == "Let me look. "


async def test_near_its_cap_a_run_is_not_compacted_for_calls_that_cannot_come(
    ledger: Ledger, tmp_path: Path
) -> None:
    with FakeOpenAI(asks_on(9, 100)) as server:
        budget = Budget(steps=9)
        subject = served(server, tmp_path, ledger, tools=[looking(length=4_000)], budget=budget)
        async with subject:
            result, told = await watched(subject)
    assert (result.exit_status, result.limit) == ("limit_exceeded", "steps")
    assert told == []


async def test_a_server_that_refuses_the_length_is_asked_again_with_less(
    ledger: Ledger, tmp_path: Path
) -> None:
    with FakeOpenAI() as server:
        call = Reply(text="", tool_calls=(("look", '{"number": 1}'),))
        refused = Reply(status=400, body=TOO_LONG)
        more = Reply(text="", tool_calls=(("look", '{"number": 2}'),))
        server.say(call, more, refused, refused, Reply(text="done"))
        subject = served(server, tmp_path, ledger, tools=[looking(length=3_000)])
        async with subject:
            result, told = await watched(subject)
            sizes = [len(json.dumps(request.body["messages"])) for request in server.chats]
    assert (result.output, result.exit_status) == ("done", "completed")
    assert [event.reason for event in told] == ["full", "full"]
    assert sizes[2] > sizes[3] > sizes[4]
    # At first all but the newest is given up.
    messages = server.chats[3].body["messages"]
    assert [len(m["content"]) > 2_900 for m in messages if m["role"] == "tool"] == [False, True]
    # The refused attempts are entered, and are no steps of their own.
    found = queries.show(ledger.folder, result.run_id)
    rows = [row for row in found if row["operation"] == "chat"]
    assert [(row["attempt"], row["error_type"]) for row in rows[2:]] == [
        (1, "context_length"),
        (2, "context_length"),
        (3, None),
    ]
    assert result.steps == 3
    assert sum(len(row["finish_reason"] or "") > 0 for row in found if row["tool"] == "full") == 2


async def test_when_nothing_more_can_be_spared_what_was_found_still_answers(
    ledger: Ledger, tmp_path: Path
) -> None:
    def reply(request: FakeRequest) -> Reply:
        messages = request.body["messages"]
        if len(messages) == 2 and "Answer from the text above" in messages[-1]["content"]:
            return Reply(text="from what was found")
        if not any(message["role"] == "tool" for message in messages):
            return Reply(text="", tool_calls=(("look", '{"number": 1}'),))
        return Reply(status=400, body=TOO_LONG)

    with FakeOpenAI(reply) as server:
        subject = served(server, tmp_path, ledger, tools=[looking(length=3_000)])
        async with subject:
            result, told = await watched(subject)
    assert (result.output, result.limit) == ("from what was found", "context")
    assert result.exit_status == "limit_exceeded"
    assert [step.tool for step in result.trajectory] == ["look"]
    assert len(told) == 2


async def test_what_was_cut_is_shown_again_to_who_asks_again(ledger: Ledger) -> None:
    calls: list[int] = []
    script = [*(look(n) for n in range(6)), look(0), look(0), look(0), ANSWER, "done"]
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=1_500)
    subject, _ = agent(script, ledger, card, tools=[looking(calls)])
    result = await subject.run("x", mode="agent")
    assert calls == list(range(6))
    assert [step.served for step in result.trajectory[6:]] == [True] * 3
    results = [m.content for m in result.messages if m.content.startswith("Result of look")]
    *again, known = results[6:]
    assert all(result.trajectory[0].observation[:400] in text for text in again)
    assert "You have this result already" in known
    assert result.output == "done"


def earlier_turns(count: int, length: int) -> list[Message]:
    turns = [
        message
        for n in range(count)
        for message in (Message("user", f"{n}?"), Message("assistant", f"{n}. " + "w" * length))
    ]
    return [Message("system", "be kind"), *turns]


@pytest.mark.parametrize("mode", ["instant", "reason"])
async def test_a_conversation_that_fills_the_window_gives_its_oldest_turns_up(
    mode: Any, ledger: Ledger
) -> None:
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=1_000)
    subject, model = agent(["Answer: yes"], ledger, card)
    history = earlier_turns(5, 1_000)
    result = await subject.run("And now?", mode=mode, history=history)
    assert result.exit_status == "completed"
    (request,) = model.requests
    assert [message.role for message in request.messages] == ["system", "user"]
    assert "And now?" in request.messages[-1].content
    # The caller keeps all; what the next turn is to follow on is what the model has read.
    assert list(result.messages[: len(history)]) == history
    assert result.context == (*request.messages, result.messages[-1])
    again, model = agent(["Answer: no"], ledger, card)
    await again.run("Sure?", mode=mode, history=result.context)
    assert model.requests[0].messages[:3] == result.context


async def test_a_question_longer_than_the_window_ends_with_a_typed_error_and_what_was_done(
    ledger: Ledger,
) -> None:
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=300)
    subject, model = agent(["never"], ledger, card)
    with pytest.raises(ContextLengthError, match="window of 300") as caught:
        await subject.run("long " * 500, mode="instant", history=earlier_turns(2, 100))
    assert model.requests == []
    assert caught.value.result is not None
    assert len(caught.value.result.messages) == 5
    assert caught.value.result.steps == 0


async def test_native_calls_keep_their_results(ledger: Ledger) -> None:
    def call(n: int) -> Message:
        return Message("assistant", "Hm. ", (ToolCall(f"c{n}", "look", {"number": n}),))

    card = ModelCard(action_format="native", self_hosted=True, context_tokens=1_700)
    script = [*(call(n) for n in range(6)), "done"]
    subject, model = agent(script, ledger, card, tools=[looking()])
    result, told = await watched(subject)
    assert result.output == "done"
    assert told
    last = model.requests[-1].messages
    assert [m.tool_call_id for m in last if m.role == "tool"] == [f"c{n}" for n in range(6)]


async def test_a_resumed_run_goes_on_with_the_compacted_context(
    ledger: Ledger, tmp_path: Path
) -> None:
    card = ModelCard(action_format="schema", self_hosted=True, context_tokens=1_500)
    script = [*(look(n) for n in range(6)), "so far", ANSWER, "done"]
    more: dict[str, Any] = {"checkpoints": tmp_path / "c.sqlite", "tools": [looking()]}
    subject, model = agent(script, ledger, card, budget=Budget(steps=7), **more)
    async with subject:
        result = await subject.run("x", mode="agent")
        assert result.limit == "steps"
        before = len(model.requests)
        resumed = await subject.resume(result.run_id, budget=Budget(steps=12))
    assert resumed.output == "done"
    assert "r1" in sent(model.requests[before])
    assert sum(len(m.content) for m in model.requests[before].messages) < 6_000
