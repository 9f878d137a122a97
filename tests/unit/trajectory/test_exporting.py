"""What is written for trainers: in their form, and without what is nobody's business."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter, ValidationError
from support.trajectories import acted, answered, trajectory

from lean_agent.trajectory.exporting.card import card
from lean_agent.trajectory.exporting.examples import Exported, ExportFormat, export_file
from lean_agent.trajectory.exporting.rules import broken_chat, broken_dpo, broken_kto
from lean_agent.trajectory.files import write_trajectories
from lean_agent.trajectory.record import Step, Trajectory
from lean_agent.trajectory.scrubbing import Scrubber

FOUND = [
    acted(0, "ada", "Byron's daughter", thought="Look."),
    Step(turn=1, kind="think", thought="Hm."),
    acted(2, "byron", "a poet", thought="And him."),
    acted(2, "london", "a city"),
    answered(3, "Byron", thought="So:"),
]


def exported(
    folder: Path, items: Sequence[Trajectory], form: ExportFormat = "chat", **more: Any
) -> tuple[list[Any], Exported]:
    source, target = folder / "all.jsonl", folder / "out.jsonl"
    write_trajectories(source, items)
    told = export_file(source, target, form, **more)
    examples = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(examples) == told.examples
    return examples, told


def test_a_conversation(tmp_path: Path) -> None:
    (example,), told = exported(tmp_path, [trajectory(FOUND, instructions="Be brief.")])
    assert not told.left_out
    assert [
        (m["role"], m["content"], [c["function"]["name"] for c in m.get("tool_calls", [])])
        for m in example["messages"]
    ] == [
        ("system", "Be brief.", []),
        ("user", "Who?", []),
        ("assistant", "Look.", ["search"]),
        ("tool", "Byron's daughter", []),
        ("assistant", "Hm.\n\nAnd him.", ["search", "search"]),
        ("tool", "a poet", []),
        ("tool", "a city", []),
        ("assistant", "So:\n\nByron", []),
    ]
    calls = [call for m in example["messages"] for call in m.get("tool_calls", [])]
    assert [json.loads(call["function"]["arguments"])["argument"] for call in calls] == [
        "ada", "byron", "london",
    ]  # fmt: skip
    assert [call["id"] for call in calls] == ["call_1", "call_2", "call_3"]
    parameters: dict[str, Any] = {"type": "object", "properties": {"argument": {}}}
    assert [tool["function"] for tool in example["tools"]] == [
        {"name": "search", "parameters": parameters}
    ]


def test_openais_own_types_take_it(tmp_path: Path) -> None:
    examples, _ = exported(tmp_path, [trajectory(FOUND, instructions="x"), trajectory(3)])
    assert len(examples) == 2
    for example in examples:
        messages = TypeAdapter(list[ChatCompletionMessageParam])
        tools = TypeAdapter(list[ChatCompletionToolParam])
        assert messages.validate_python(example["messages"], strict=False)
        assert tools.validate_python(example["tools"])
        result = next(m for m in example["messages"] if m["role"] == "tool")
        del result["tool_call_id"]
        with pytest.raises(ValidationError):
            messages.validate_python(example["messages"])


def test_what_came_of_the_last_action_is_left_out(tmp_path: Path) -> None:
    (example,), _ = exported(tmp_path, [trajectory(2)])
    assert [m["role"] for m in example["messages"]] == ["user", "assistant", "tool", "assistant"]


def test_what_is_no_example_is_counted(tmp_path: Path) -> None:
    items = [
        trajectory(FOUND, id="good"),
        trajectory(FOUND, id="failed", passed=False, reward=0.0),
        trajectory(FOUND, id="unjudged", passed=None, reward=None),
        trajectory(FOUND, id="silent", question=" "),
        trajectory([answered(0, "a"), answered(1, "b")], id="sampled"),
        trajectory([answered(0, "a"), acted(1)], id="goes on"),
        trajectory([Step(turn=0, kind="think", thought="x")], id="thinks"),
        trajectory([acted(0, action="not a name!")], id="name"),
    ]
    _, told = exported(tmp_path, items)
    assert dict(told.left_out) == {
        "not passed": 1,
        "not judged": 1,
        "without a question": 1,
        "with several answers, which is no conversation": 1,
        "with actions after the answer": 1,
        "without an action or an answer": 1,
        "a tool's name is not 1 to 64 letters, digits, _ and -": 1,
    }
    assert told.examples + sum(told.left_out.values()) == told.trajectories == len(items)


def test_labels_are_depos_groups(tmp_path: Path) -> None:
    items = [
        trajectory(6, id="cheap"),
        trajectory(7, id="long"),
        trajectory(2, id="middling", reward=0.8),
        trajectory(2, id="poor", reward=0.5),
        trajectory(2, id="unjudged", reward=None),
    ]
    examples, told = exported(tmp_path, items, "kto")
    assert [example["label"] for example in examples] == [True, False, False]
    assert told.left_out["neither desirable nor undesirable"] == 2
    first = examples[0]
    assert first["prompt"] == [{"role": "user", "content": "Who?"}]
    assert first["completion"][0]["tool_calls"][0]["function"]["arguments"] == {"argument": ""}
    examples, _ = exported(tmp_path, [trajectory(2, reward=0.95)], "kto", good=1.0)
    assert [example["label"] for example in examples] == [False]


def test_pairs_are_of_the_same_task(tmp_path: Path) -> None:
    def of(task: str, turns: int, name: str, **more: Any) -> Trajectory:
        steps = [acted(turn, name) for turn in range(turns)]
        return trajectory(steps, id=name, task_id=task, question=f"{task}?", **more)

    items = [
        of("one", 4, "good"),
        of("one", 2, "best"),
        of("one", 9, "long"),
        of("one", 3, "failed", passed=False, reward=0.0),
        of("two", 2, "alone"),
        of("three", 9, "slow"),
        of("one", 2, "unjudged", reward=None),
    ]
    examples, told = exported(tmp_path, items, "dpo")

    def named(messages: Any) -> str:
        return messages[0]["tool_calls"][0]["function"]["arguments"]["argument"]

    pairs = [
        (e["prompt"][0]["content"], named(e["chosen"]), named(e["rejected"])) for e in examples
    ]
    assert pairs == [("one?", "best", "long"), ("one?", "best", "failed")]
    assert dict(told.left_out) == {
        "desirable, but not the best of its task": 1,
        "without a rival at the same task": 2,
        "not judged": 1,
    }
    random.Random(1).shuffle(items)
    again, _ = exported(tmp_path, items, "dpo")
    assert sorted(map(json.dumps, again)) == sorted(map(json.dumps, examples))


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
USER = {"role": "user", "content": "q"}
SAYS = {"role": "assistant", "content": "a"}
CALLS = {"role": "assistant", "content": "", "tool_calls": [CALL]}
GIVES = {"role": "tool", "tool_call_id": "c", "content": "r"}


def calling(**more: Any) -> dict[str, Any]:
    return CALLS | {"tool_calls": [CALL | more]}


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([USER, SAYS], None),
        ([USER, CALLS, GIVES, SAYS], None),
        ([USER, CALLS], None),
        ([], "there are no messages"),
        ([USER], "the last message is not the assistant's"),
        ([SAYS], "the first message is of the assistant"),
        ([USER, CALLS, GIVES], "the last message is not the assistant's"),
        ([USER, CALLS, SAYS], "a call has no result"),
        ([USER, GIVES, SAYS], "a tool's message answers no call"),
        ([USER, CALLS, GIVES, GIVES, SAYS], "a tool's message answers no call"),
        ([USER | {"role": "bot"}, SAYS], "a message has no known role"),
        ([USER | {"mood": "good"}, SAYS], "a message has a key that is not allowed"),
        ([USER | {"content": None}, SAYS], "a message has no text"),
        ([USER, SAYS | {"content": " "}], "the assistant says and does nothing"),
        ([USER | {"tool_calls": [CALL]}, SAYS], "a tool is called by another than the assistant"),
        ([USER, CALLS | {"tool_calls": [CALL, CALL]}], "two calls have the same id"),
        ([USER, calling(type="x")], "a call has no id, or is not of type function"),
        ([USER, calling(id="")], "a call has no id, or is not of type function"),
        ([USER, calling(function={"name": "g", "arguments": "{}"})], "that is not defined"),
        ([USER, calling(function={"name": "f", "arguments": {}})], "are no JSON text"),
        ([USER, calling(function={"name": "f", "arguments": "[]"})], "are no object"),
    ],
)
def test_the_rules_of_the_chat_format(messages: list[Any], why: str | None) -> None:
    found = broken_chat({"messages": messages, "tools": TOOLS})
    assert found is None if why is None else why in (found or "")


def test_the_rules_of_the_others() -> None:
    pair = {"prompt": [USER], "chosen": [SAYS], "rejected": [SAYS | {"content": "b"}]}
    assert broken_dpo(pair) is None
    assert broken_dpo(pair | {"rejected": [SAYS]}) == "both of a pair are the same"
    assert "other keys" in (broken_dpo(pair | {"label": True}) or "")
    assert "not a question" in (broken_dpo(pair | {"prompt": [SAYS]}) or "")
    assert "first message" in (broken_dpo(pair | {"chosen": [USER, SAYS]}) or "")
    labelled = {"prompt": [USER], "completion": [SAYS], "label": True}
    assert broken_kto(labelled) is None
    assert "neither true nor false" in (broken_kto(labelled | {"label": 1}) or "")
    assert "no messages" in (broken_kto(labelled | {"completion": []}) or "")
    assert broken_chat({"messages": [USER, SAYS], "x": 1}) is not None


KEYS = [
    "sk-proj-abcdefghijklmnop1234567890",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "AKIAABCDEFGHIJKLMNOP",
    "planted-environment-secret",
    "planted-environment-password",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
    "bWU6aHVudGVyMg==",
    "session-abc.def-123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "hunter2-of-the-database",
    "hunter2-of-the-command",
    "AbCd1234EfGh5678IjKl==",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "lQPGBFxyz0123456789abcdefghijkl",
    "T01234567/B01234567/AbCdEfGhIjKl",
    "SG.AbCdEfGhIjKlMnOpQrStUv.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "0123456789abcdefghijklmnop",
]
PEOPLE = ["adalovelace", "Grace Hopper", "katherine", "barbara", "hedy", "rosalind"]
PLANTED = [
    f"key {KEYS[0]}",
    f"Authorization: Bearer {KEYS[1]}",
    f"aws {KEYS[2]} and {KEYS[3]}",
    f"wrote /home/{PEOPLE[0]}/thesis/notes.txt",
    f"see C:\\Users\\{PEOPLE[1]}\\Desktop\\a.txt",
    f'{{"path": "D:\\\\Users\\\\{PEOPLE[2]}\\\\b.txt"}}',
    f"open file:///Users/{PEOPLE[2]}/c.txt",
    f'{{"escaped": "\\/home\\/{PEOPLE[3]}\\/d.txt"}}',
    json.dumps({"inner": json.dumps({"path": f"E:\\Users\\{PEOPLE[5]}\\f.txt"})}),
    f"https://example.org/?path=%2Fhome%2F{PEOPLE[4]}%2Fe.txt",
    f"db password {KEYS[4]}",
    f"aws_secret_access_key = {KEYS[5]}",
    f"Authorization: Basic {KEYS[6]}",
    f"Set-Cookie: id={KEYS[7]}; Path=/",
    f"sent {KEYS[8]}",
    f"postgres://me:{KEYS[9]}@db/x",
    f"mysql --password {KEYS[10]}",
    f"Name=x;AccountKey={KEYS[11]};Suffix=y",
    f"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{KEYS[12]}\n"
    "-----END EC PRIVATE KEY-----",
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{KEYS[13]}\n-----END PGP PRIVATE KEY BLOCK-----",
    f"https://hooks.slack.com/services/{KEYS[14]}",
    f"mail by {KEYS[15]}",
    f'{{"token": "{KEYS[16]}"}}',
]


def test_planted_secrets_and_paths_reach_no_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEYS[3])
    monkeypatch.setenv("DATABASE_PASSWORD", KEYS[4])
    monkeypatch.setenv("HOME", "/srv/people/marie")
    planted = [*PLANTED, "cat /srv/people/marie/radium.txt"]
    text = "\n".join(planted)
    steps = [
        acted(0, text, text, thought=text),
        Step(turn=1, action="read", arguments={"deep": [{text: [text]}], "n": 1}),
        answered(2, text),
    ]
    good = trajectory(steps, question=text, instructions=text, answers=[text], output=text)
    long = trajectory([*steps[:2], *(acted(n) for n in range(2, 9))], id="long", question=text,
                      instructions=text)  # fmt: skip
    for form in ("chat", "kto", "dpo"):
        examples, told = exported(tmp_path, [good, long], form)
        assert examples
        written = (tmp_path / "out.jsonl").read_text() + card(told, tmp_path / "out.jsonl")
        for secret in [*KEYS, *PEOPLE, "Hopper", "marie"]:
            assert secret not in written, f"{secret} in {form}"
        assert told.scrubbed > 0
        # What was around them is still there.
        for kept in ("thesis/notes.txt", "Desktop", "~/radium.txt", "c.txt", "d.txt", "e.txt"):
            assert kept in written


@pytest.mark.parametrize(
    "text",
    [
        "The /home page of https://example.org/home/ has users",
        "C:\\Windows\\System32",
        "a ratio of 3:/4 and a path /usr/share/doc",
        "/home/user/data.csv",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_neither_stays(text: str) -> None:
    scrubber = Scrubber()
    assert scrubber.text(text) == text
    assert scrubber.changed == 0


def test_the_card_says_what_is_in_it(tmp_path: Path) -> None:
    items = [trajectory(3, id="a"), trajectory(3, id="b", passed=False, reward=0.1)]
    _, told = exported(tmp_path, items)
    text = card(told, tmp_path / "out.jsonl")
    assert text.startswith("# out.jsonl\n\n1 examples from 2 trajectories")
    for line in (
        "| test | 1 |",
        "| passed | 1 of 1 |",
        "| not passed | 1 |",
        "| cost, USD | unknown |",
    ):
        assert line in text
