"""Chats in OpenAI's form: every record is taken or refused, and says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.trajectories import acted, answered, trajectory

from lean_agent.trajectory.exporting.examples import export_file
from lean_agent.trajectory.files import write_trajectories
from lean_agent.trajectory.importers import IMPORTERS, Refused, importer_of
from lean_agent.trajectory.record import Trajectory

Chat = list[dict[str, Any]]

SYSTEM = {"role": "system", "content": "Be brief."}
HOW, HOT = ({"type": "text", "text": text} for text in ("How hot ", "is it?"))
ASKED = {"role": "user", "content": [HOW, HOT]}
CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": name,
            "type": "function",
            "function": {"name": "weather", "arguments": f'{{"city":"{city}"}}'},
        }
        for name, city in (("a", "Rome"), ("b", "Oslo"))
    ],
}
RESULTS = [
    {"role": "tool", "tool_call_id": "b", "content": "9"},
    {"role": "tool", "tool_call_id": "a", "content": "31"},
]
ANSWER = {"role": "assistant", "content": "31 and 9."}
WHOLE: Chat = [SYSTEM, ASKED, CALLS, *RESULTS, ANSWER]


def read(folder: Path, *chats: Any) -> list[Trajectory | Refused]:
    path = folder / "chats.jsonl"
    lines = [json.dumps({"messages": c, "tools": []} if isinstance(c, list) else c) for c in chats]
    path.write_text("\n".join(lines))
    importer = importer_of(path) if isinstance(chats[0], list) else IMPORTERS["openai-chat"]
    assert importer.name == "openai-chat"
    return list(importer.read(path))


def one(folder: Path, chat: Chat) -> Trajectory:
    (found,) = read(folder, chat)
    assert isinstance(found, Trajectory), found
    return found


def test_calls_results_and_the_answer(tmp_path: Path) -> None:
    found = one(tmp_path, WHOLE)
    assert (found.question, found.instructions) == ("How hot is it?", "Be brief.")
    assert (found.output, found.passed, found.usage.tokens) == ("31 and 9.", None, None)
    assert [(s.turn, s.kind, s.action, s.arguments, s.observation) for s in found.steps] == [
        (0, "act", "weather", {"city": "Rome"}, "31"),
        (0, "act", "weather", {"city": "Oslo"}, "9"),
        (1, "answer", "answer", {"argument": "31 and 9."}, ""),
    ]


def test_what_the_user_says_later_answers_the_assistant(tmp_path: Path) -> None:
    asks = {"role": "assistant", "content": "Where?"}
    thinks = {"role": "assistant", "content": "Let me see."}
    says = {"role": "user", "content": "Here."}
    found = one(tmp_path, [ASKED, asks, says, thinks, ANSWER])
    assert [(s.kind, s.action, s.thought, s.observation) for s in found.steps] == [
        ("act", "respond", "", "Here."),
        ("think", "", "Let me see.", ""),
        ("answer", "answer", "", ""),
    ]
    assert found.steps[0].arguments == {"content": "Where?"}


def test_a_chat_that_was_cut_off_has_no_answer(tmp_path: Path) -> None:
    found = one(tmp_path, [ASKED, CALLS, RESULTS[1]])
    assert found.output == ""
    assert [step.observation for step in found.steps] == ["31", ""]


def test_what_was_exported_comes_back(tmp_path: Path) -> None:
    steps = [acted(0, "ada", "a page", thought="Look."), answered(1, "Ada")]
    write_trajectories(tmp_path / "all.jsonl", [trajectory(steps, instructions="Be brief.")])
    export_file(tmp_path / "all.jsonl", tmp_path / "train.jsonl", "chat")
    (found,) = IMPORTERS["openai-chat"].read(tmp_path / "train.jsonl")
    assert isinstance(found, Trajectory)
    assert (found.instructions, found.question, found.steps) == ("Be brief.", "Who?", steps)


def arguments(text: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": text}
    return {"role": "assistant", "tool_calls": [{"id": "a", "function": function}]}


BROKEN: list[tuple[Any, str]] = [
    ({}, "messages: Field required"),
    ([ASKED], "messages: List should have at least 2 items"),
    ([SYSTEM, ANSWER], "messages.1: no question of the user's"),
    ([SYSTEM, ASKED], "the assistant does nothing"),
    ([ASKED, ANSWER, SYSTEM], "messages.2.role: system where the assistant's turn is"),
    ([ASKED, {"role": "assistant"}], "messages.1: the assistant says and does nothing"),
    ([ASKED, CALLS, RESULTS[0], ANSWER], "messages.1: a call has no result: a"),
    ([ASKED, CALLS, *RESULTS, RESULTS[0], ANSWER], "two results have the same id"),
    ([ASKED, arguments("{}"), RESULTS[0]], "messages.1: a result answers no call: b"),
    ([ASKED, arguments("[1]")], "the arguments of weather are no JSON object"),
    ([ASKED, arguments(7)], "messages.1.tool_calls.0.function.arguments"),
    ([ASKED, {"role": "function", "content": "x"}], "messages.1.role: Input should be"),
    ([ASKED, {"role": "assistant", "function_call": {}}], "messages.1.function_call"),
    (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, ANSWER],
        "messages.0.content",
    ),
]


@pytest.mark.parametrize(("record", "reason"), BROKEN)
def test_what_is_damaged_is_refused_with_its_line(record: Any, reason: str, tmp_path: Path) -> None:
    taken, refused, last = read(tmp_path, WHOLE, record, WHOLE)
    assert isinstance(taken, Trajectory)
    assert isinstance(last, Trajectory)
    assert isinstance(refused, Refused), refused
    assert refused.line == 2
    assert reason in refused.reason
