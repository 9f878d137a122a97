"""``/compact``: what the next question follows on is made shorter; what was said stays."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.cli import acts_natively, lean_agent
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.cli.chat.conversation import Conversation, find_saved
from lean_agent.cli.chat.export import export_conversation
from lean_agent.cli.options import RunOptions
from lean_agent.messages import Message, ToolCall
from lean_agent.result import RunResult
from lean_agent.usage import Usage

SYSTEM = Message("system", "be kind")


def turn(number: int) -> tuple[Message, ...]:
    call = ToolCall(f"c{number}", "search", {})
    return (
        Message("user", f"question {number}"),
        Message("assistant", "I think I should look. ", (call,)),
        Message("tool", f"{number} was found. " * 200, tool_call_id=call.id),
        Message("assistant", f"answer {number}"),
    )


def result(*messages: Message, context: tuple[Message, ...] | None = None) -> RunResult:
    return RunResult(
        output=messages[-1].content,
        messages=messages,
        context=messages if context is None else context,
        usage=Usage(cost=Decimal(0)),
        mode="agent",
        exit_status="completed",
        steps=2,
        tool_calls=1,
        seconds=0.1,
        run_id="r1",
    )


def talk(turns: int = 2) -> Conversation:
    conversation = Conversation(options=RunOptions(model="openai:x"))
    for number in range(turns):
        before = conversation.context or (SYSTEM,)
        conversation.remember(f"question {number}", result(*before, *turn(number)))
    return conversation


def test_the_next_question_follows_on_less_and_nothing_is_lost(tmp_path: Path) -> None:
    conversation = talk()
    whole = conversation.messages
    before, after = conversation.compact()
    assert before > 3 * after
    assert conversation.messages == whole
    assert [m.content for m in conversation.context if m.role != "tool"] == [
        "be kind", "question 0", "", "answer 0", "question 1", "", "answer 1",
    ]  # fmt: skip
    assert conversation.compact() == (after, after)
    short = conversation.context
    conversation.remember("question 2", result(*short, *turn(2)))
    assert conversation.messages == (*whole, *turn(2))
    assert conversation.context == (*short, *turn(2))
    conversation.save()
    assert find_saved("question-0") == conversation
    written = export_conversation(conversation, tmp_path / "talk.json").read_text()
    assert "0 was found. " * 200 in written


def test_undo_takes_back_a_question_before_or_after_it() -> None:
    conversation = talk()
    conversation.compact()
    short = conversation.context
    conversation.remember("question 2", result(*short, *turn(2)))
    assert conversation.undo()
    assert conversation.context == short
    assert conversation.undo()
    assert conversation.context == conversation.messages == (SYSTEM, *turn(0))


def test_what_a_run_has_compacted_stays_so() -> None:
    conversation = talk(1)
    whole, short = (SYSTEM, *turn(0), *turn(1)), (SYSTEM, *turn(1))
    conversation.remember("question 1", result(*whole, context=short))
    assert (conversation.messages, conversation.context) == (whole, short)
    conversation.remember("question 2", result(*short, *turn(2)))
    assert conversation.messages == (*whole, *turn(2))
    copy = conversation.branch("other")
    assert copy.context == conversation.context == (*short, *turn(2))
    conversation.begin_anew()
    assert conversation.context == ()


@pytest.mark.slow
def test_the_command_says_what_it_saves(server: FakeOpenAI, tmp_path: Path) -> None:
    notes = "Gallium melts at 29.8 degrees. " * 120  # too large to be read before the model asks
    (tmp_path / "notes.txt").write_text(notes)
    acts_natively(server.url, tmp_path)
    read = (("read_file", '{"path": "notes.txt"}'),)
    server.say(Reply(text="Let me look.", tool_calls=read), Reply(text="29.8"), Reply(text="yes"))
    chat = ("chat", "--model", "openai:x", "--base-url", server.url, "--mode", "agent")
    typed = b"/compact\nWhen does it melt?\n/compact\n/compact\nSure?\n"
    ended = lean_agent(*chat, "--file", str(tmp_path / "notes.txt"), folder=tmp_path, stdin=typed)
    assert (ended.code, ended.out) == (0, "29.8\nyes\n"), ended.err
    lines = ended.err.splitlines()
    assert lines[0].startswith("nothing to leave out")
    assert any(" -> " in line and "1 question" in line for line in lines)
    assert any(line.startswith("nothing to leave out") for line in lines[1:])
    told = [m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool"]
    assert [len(one) < 600 and "[cut: 400 of" in one for one in told] == [True]
