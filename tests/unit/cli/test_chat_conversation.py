from __future__ import annotations

import stat
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lean_agent._paths import state_dir
from lean_agent.cli.chat.conversation import Conversation, find_saved, saved_conversations
from lean_agent.cli.chat.export import export_conversation
from lean_agent.cli.options import RunOptions
from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message
from lean_agent.result import ExitStatus, RunResult
from lean_agent.usage import Usage


def talk(**options: Any) -> Conversation:
    return Conversation(options=RunOptions(model="openai:x", **options))


def answered(
    conversation: Conversation, question: str, answer: str, status: ExitStatus = "completed"
) -> RunResult:
    opening = conversation.messages or (Message("system", "be kind"),)
    said = (Message("user", question), Message("assistant", answer))
    return RunResult(
        output=answer,
        messages=(*opening, *said),
        usage=Usage(input_tokens=10, output_tokens=2, cost=Decimal("0.5")),
        mode="instant",
        exit_status=status,
        steps=1,
        tool_calls=0,
        seconds=0.5,
        run_id="r1",
    )


def say(conversation: Conversation, question: str, answer: str) -> None:
    result = answered(conversation, question, answer)
    conversation.charge(result)
    conversation.remember(question, result)


def contents(conversation: Conversation) -> list[str]:
    return [message.content for message in conversation.messages]


def test_what_is_saved_comes_back_and_is_private(tmp_path: Path) -> None:
    conversation = talk(corpus=tmp_path, budget_usd=Decimal("0.05"), max_steps=3)
    say(conversation, "What is 2 + 2?", "4")
    say(conversation, "And 3 + 3?", "6")
    conversation.save()
    assert find_saved("what-is") == conversation
    (file,) = (state_dir() / "sessions").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (state_dir() / "sessions" / "damaged.json").write_text('{"name": 3')
    assert [one.name for one in saved_conversations()] == ["what-is-2-2"]


def test_undo_takes_back_one_question_and_no_cost() -> None:
    conversation = talk()
    say(conversation, "one", "1")
    say(conversation, "two", "2")
    assert conversation.undo()
    assert contents(conversation) == ["be kind", "one", "1"]
    say(conversation, "three", "3")
    assert contents(conversation)[-2:] == ["three", "3"]
    assert conversation.undo()
    assert conversation.undo()
    assert contents(conversation) == []
    assert not conversation.undo()
    assert conversation.usage.cost == Decimal("1.5")


def test_an_answer_cut_short_is_kept_as_far_as_it_came() -> None:
    conversation = talk()
    conversation.remember("long", answered(conversation, "long", "once upon", "interrupted"))
    assert contents(conversation) == ["be kind", "long", "once upon"]
    conversation.remember("none", answered(conversation, "none", "", "failed"))
    assert contents(conversation) == ["be kind", "long", "once upon"]


def test_names_differ_and_a_beginning_must_be_of_one_only() -> None:
    first, second = talk(), talk()
    for conversation in (first, second):
        say(conversation, "Same words!", "yes")
        conversation.save()
    assert first.name == "same-words"
    assert second.name != first.name
    assert find_saved("same-words") == first
    with pytest.raises(ConfigurationError, match="several sessions begin"):
        find_saved("same")
    with pytest.raises(ConfigurationError, match="no session 'other'"):
        find_saved("other")


def test_a_branch_goes_on_by_itself() -> None:
    origin = talk(max_steps=3)
    with pytest.raises(ConfigurationError, match="nothing to branch"):
        origin.branch("early")
    say(origin, "Where to?", "Ghent")
    origin.save()
    branch = origin.branch("other way")
    say(branch, "And then?", "Bruges")
    assert branch.undo()
    assert branch.undo()
    branch.save()
    assert contents(origin) == ["be kind", "Where to?", "Ghent"]
    assert (origin.answers, branch.answers) == (1, 1)
    assert find_saved("other").branch_of == "where-to"
    assert branch.options == origin.options
    with pytest.raises(ConfigurationError, match="another session is called 'other way'"):
        origin.branch("other way")
    assert origin.branch().name == "where-to-2"


def test_a_question_whose_answer_has_not_ended_is_kept_until_it_has() -> None:
    conversation = talk()
    conversation.began("Tell a story", "r1")
    conversation.save()
    left = find_saved("tell-a-story").unanswered
    assert left is not None
    assert (left.run_id, left.question) == ("r1", "Tell a story")
    say(conversation, "Tell a story", "Once")
    conversation.save()
    assert find_saved("tell-a-story").unanswered is None


def test_those_left_for_a_month_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = talk()
    say(conversation, "old", "yes")
    conversation.save()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    assert saved_conversations() == []
    assert list((state_dir() / "sessions").iterdir()) == []


def test_an_export_holds_the_talk_and_overwrites_nothing(tmp_path: Path) -> None:
    conversation = talk()
    say(conversation, "What is 2 + 2?", "It is *4*.")
    path = tmp_path / "talk.md"
    export_conversation(conversation, path)
    text = path.read_text()
    assert text.startswith("# what-is-2-2\n\n## You\n\nWhat is 2 + 2?\n\n## openai:x\n\nIt is *4*.")
    assert "be kind" not in text
    with pytest.raises(ConfigurationError, match="exists"):
        export_conversation(conversation, path)
    export_conversation(conversation, tmp_path / "talk.json")
    assert '"be kind"' in (tmp_path / "talk.json").read_text()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        export_conversation(conversation, tmp_path / "none" / "talk.md")
