"""What is left of messages once they are compacted, on conversations of all action formats."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from support.scripted_runs import SEARCH

from lean_agent.messages import Message, ToolCall
from lean_agent.model import ActionFormat
from lean_agent.models.actions import observations
from lean_agent.runtime import prompts
from lean_agent.runtime.compacting import LEVELS, Compacted, CutNote, Shorten, compact, cut
from lean_agent.runtime.reading_on import KeptTexts, ReadMore
from lean_agent.thinking.plain import asked_plainly

SYSTEM = Message("system", prompts.SYSTEM)
FORMATS: tuple[ActionFormat, ...] = ("native", "schema", "tagged")


async def no_tokens(_text: str) -> int:
    return 0


def action(action_format: ActionFormat, calls: list[ToolCall], said: str) -> Message:
    if action_format == "native":
        return Message("assistant", said, tuple(calls))
    written = json.dumps({"tool": calls[0].name, "arguments": dict(calls[0].arguments)})
    if action_format == "schema":
        return Message("assistant", written)
    return Message("assistant", f"{said}<tool>{written}")


def turn(rng: random.Random, action_format: ActionFormat, number: int) -> list[Message]:
    """A question, actions with mistakes between them, and an answer."""
    task = f"question {number}?"
    messages = [Message("user", prompts.agent_task(task, rng.choice(["", "Tools: search"])))]
    for step in range(rng.randrange(5)):
        if rng.random() < 0.3:
            messages.append(Message("assistant", "What was I to do?"))
            messages.append(Message("user", prompts.malformed("it is no action")))
        many = rng.randrange(1, 4) if action_format == "native" else 1
        calls = [ToolCall(f"c{number}-{step}-{n}", "search", {"n": n}) for n in range(many)]
        messages.append(action(action_format, calls, "I think that I should look. "))
        found = [(call, "word " * rng.randrange(400)) for call in calls]
        messages += observations("native" if action_format == "native" else "tagged", found)
    return [*messages, Message("assistant", f"answer {number}")]


def conversation(seed: int) -> tuple[list[Message], int, list[Message]]:
    """(messages, how many are of earlier turns, the questions)."""
    rng = random.Random(seed)
    action_format = FORMATS[seed % 3]
    turns = [turn(rng, action_format, number) for number in range(rng.randrange(1, 4))]
    now = turns[-1][:-1]  # the answer is yet to come
    before = [SYSTEM, *itertools.chain(*turns[:-1])]
    return [*before, *now], len(before), [one[0] for one in turns]


def calls_of(messages: tuple[Message, ...] | list[Message]) -> list[ToolCall]:
    return [call for message in messages for call in message.tool_calls]


def newest(messages: list[Message]) -> list[Message]:
    """What the last action came to, whole; a question where there was none."""
    place = max(n for n, message in enumerate(messages) if message.role in {"assistant", "system"})
    return messages[place + 1 :]


@pytest.mark.parametrize("level", LEVELS)
def test_what_has_to_stay_stays(level: int) -> None:
    for seed in range(60):
        messages, earlier, questions = conversation(seed)
        found = compact(messages, level=level, earlier=earlier)
        again = compact(found.messages, level=level, earlier=found.earlier)
        assert again == found, seed
        assert compact(messages, level=level, earlier=earlier) == found, seed
        kept = list(found.messages)
        assert kept[0] == SYSTEM
        assert [m for m in kept if m in questions][-1] == questions[-1]
        results = [m.tool_call_id for m in kept if m.role == "tool"]
        assert results == [call.id for call in calls_of(kept)], seed
        now, before = calls_of(messages[earlier:]), calls_of(messages[:earlier])
        assert calls_of(kept[found.earlier :]) == now
        if level < 3:
            assert newest(kept) == newest(messages), seed
        if level < LEVELS[-1]:
            assert [m for m in kept if m in questions] == questions
            assert calls_of(kept[: found.earlier]) == before
            answers = [m for m in messages if m.content.startswith("answer")]
            assert [m for m in kept if m in answers] == answers
        written = [m.content for m in messages if "arguments" in m.content]
        shorter = [m.content for m in kept[found.earlier :] if "arguments" in m.content]
        assert all(any(whole.endswith(part) for whole in written) for part in shorter)
        size = sum(len(m.content) for m in messages)
        assert sum(len(m.content) for m in kept) <= size


@pytest.mark.parametrize("action_format", FORMATS)
def test_chatter_goes_and_the_last_two_steps_are_as_they_were(action_format: ActionFormat) -> None:
    task = Message("user", "x?")
    steps: list[Message] = []
    for n in range(4):
        call = ToolCall(f"c{n}", "search", {"query": str(n)})
        kind: ActionFormat = "native" if action_format == "native" else "tagged"
        steps += [action(action_format, [call], "Hm. "), *observations(kind, [(call, "w" * 900)])]
    found = compact([SYSTEM, task, *steps], earlier=1).messages
    assert found[:2] == (SYSTEM, task)
    assert found[6:] == tuple(steps[4:])
    assert not any(message.content.startswith("Hm") for message in found[:6])
    for message in found[3:6:2]:
        assert message.content.endswith("\n[cut: 400 of 900 characters shown]")
        assert "w" * 400 in message.content
        assert "w" * 401 not in message.content


def test_several_results_in_one_message_are_cut_each() -> None:
    calls = [ToolCall(f"c{n}", "search", {"n": n}) for n in range(3)]
    texts = ["a" * 600, "short", "Result 2 (search):\n" + "b" * 600]
    shown = observations("tagged", list(zip(calls, texts, strict=True)))
    said = Message("assistant", " ".join([SEARCH] * 3))
    (_, _, message) = compact([SYSTEM, said, *shown], earlier=3).messages
    note = "\n[cut: 400 of 600 characters shown]"
    assert message.content.startswith(f"Result 1 (search):\n{'a' * 400}{note}\n\nResult 2 (search)")
    assert "Result 2 (search):\nshort\n\nResult 3 (search):\n" in message.content
    assert message.content.endswith("\n[cut: 400 of 619 characters shown]")


def test_of_a_thought_the_answer_stays() -> None:
    asked = asked_plainly("2 + 3?")
    thought = Message("assistant", "Two and three.\nThat is five.\nAnswer: 5")
    short = Message("assistant", "Answer: 5")
    stopped = [Message("assistant", "I think"), Message("user", prompts.stop_reasoning())]
    later = [Message("user", "And why?"), Message("assistant", "The text says: Answer: 5. So.")]
    messages = [SYSTEM, asked, *stopped, thought, *later]
    assert compact(messages, earlier=len(messages)).messages == (SYSTEM, asked, short, *later)


def test_a_question_that_looks_like_a_result_is_none() -> None:
    question = Message("user", "Result of search:\n" + "w" * 900)
    messages = (SYSTEM, Message("user", "hi"), Message("assistant", "hello"), question)
    assert compact(messages, earlier=4).messages == messages


def test_what_tells_of_tools_and_what_is_left_to_spend() -> None:
    told = ToolCall("c1", "find_tools", {"query": "x"})
    spent = ToolCall("c2", "search", {"query": "x"})
    left = "\n\n(Left to spend: 3 steps)"
    messages = [SYSTEM]
    for call, text in ((told, "More tools: " + "w" * 900), (spent, f"found{left}")):
        messages += [Message("assistant", "", (call,)), *observations("native", [(call, text)])]
    found = compact(messages, earlier=5).messages
    assert found[:4] == tuple(messages[:4])
    assert found[4].content == "found"


def test_earlier_turns_are_given_up_but_for_the_tools_they_told_of() -> None:
    tools = "Tools:\n{...} - Search."
    first = Message("user", prompts.agent_task("one?", tools))
    before = [SYSTEM, first, Message("assistant", "1"), Message("user", "two?")]
    before.append(Message("assistant", "2"))
    now = Message("user", "three?")
    found = compact([*before, now], level=LEVELS[-1], earlier=5)
    assert found == Compacted((SYSTEM, Message("user", f"{tools}\n\nQuestion: (left out)"), now), 2)
    assert compact([SYSTEM, now], level=LEVELS[-1], earlier=1) == Compacted((SYSTEM, now), 1)


@pytest.mark.parametrize("shorten", [cut, KeptTexts(no_tokens).shorten])
def test_a_result_is_cut_only_where_that_makes_it_shorter(shorten: Shorten) -> None:
    for length in (0, 10, 119, 120, 121, 130, 150, 260):
        text = "x" * length
        short = shorten(text, 120)
        assert short == text if length < 150 else len(short) <= len(text)
        assert shorten(short, 120) == short


async def test_what_was_cut_can_be_read_on_in_this_part_of_the_run() -> None:
    texts = KeptTexts(no_tokens)
    text = "".join(f"word{n} " for n in range(200))
    short = texts.shorten(text, 100)
    note = CutNote.of(short)
    assert note is not None
    assert (note.body, note.start, note.end, note.total) == (text[:100], 0, 100, len(text))
    call = json.loads(note.call)
    assert call == {"tool": "read_more", "arguments": {"handle": "r1", "offset": 100}}
    rest = await texts.go_on("r1", 100)
    assert rest.startswith(text[100:])
    shorter = CutNote.of(texts.shorten(short, 50))
    assert shorter is not None
    assert json.loads(shorter.call)["arguments"] == {"handle": "r1", "offset": 50}
    assert "read_more" not in KeptTexts(no_tokens).shorten(short, 50)  # another part has no such
    assert ReadMore(texts).spec.name == "read_more"
