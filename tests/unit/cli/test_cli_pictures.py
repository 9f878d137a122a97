"""Pictures by --file: with the question of `ask`, and the first one of a chat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cli import Ended, in_process, lean_agent
from support.fake_openai import FakeOpenAI

from lean_agent.cli.chat.conversation import Conversation
from lean_agent.cli.options import RunOptions
from lean_agent.messages import Image, Message
from lean_agent.result import RunResult
from lean_agent.usage import Usage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(9)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.png"
    path.write_bytes(PNG)
    return path


def asked(server: FakeOpenAI, folder: Path, file: Path, *, model: str = "gpt-4o") -> Ended:
    address = ("--model", f"openai:{model}", "--base-url", server.url)
    return in_process("ask", "What is it?", "--file", str(file), *address, folder=folder)


def shown(body: Any) -> list[str]:
    """The kinds of pictures in a request, in order."""
    parts = [
        part for m in body["messages"] if isinstance(m["content"], list) for part in m["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [url.partition(";")[0] for url in urls]


def test_a_picture_goes_with_the_question(
    server: FakeOpenAI, tmp_path: Path, picture: Path
) -> None:
    ended = asked(server, tmp_path, picture)
    assert (ended.code, ended.out) == (0, "ok\n"), ended.err
    assert shown(server.chats[0].body) == ["data:image/png"]
    assert "receipt.png" not in server.chats[0].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("name", "data", "model", "told"),
    [
        ("a.png", PNG, "x", "openai:x is not known to take images"),
        ("a.png", b"words", "gpt-4o", "a.png: this is no picture that models take"),
        ("b.png", PNG, "gpt-4o", "b.png: No such file or directory"),
    ],
)
def test_one_that_nobody_can_see_is_refused_in_a_line(
    name: str, data: bytes, model: str, told: str, server: FakeOpenAI, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(data)
    ended = asked(server, tmp_path, tmp_path / name, model=model)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err.splitlines()[0]
    assert server.chats == []


@pytest.mark.slow
def test_a_chat_shows_it_with_the_first_question(
    server: FakeOpenAI, tmp_path: Path, picture: Path
) -> None:
    typed = b"What is it?\nAnd now?\n/files\n/new\nAgain?\n"
    address = ("--model", "openai:gpt-4o", "--base-url", server.url)
    line = ("chat", "--file", str(picture), *address)
    ended = lean_agent(*line, folder=tmp_path, stdin=typed)
    assert ended.code == 0
    assert f"with the first question: {picture}" in ended.err
    assert [shown(chat.body) for chat in server.chats] == [["data:image/png"]] * 3


def test_an_answer_cut_short_keeps_what_was_shown() -> None:
    system = Message("system", "be kind")
    image = Message("user", "a picture", images=(Image.of(PNG),))
    asked = Message("user", "What is it?")
    conversation = Conversation(options=RunOptions())
    conversation.remember(
        asked.content,
        RunResult(
            output="A rec",
            messages=(system, image, asked),
            usage=Usage(),
            mode="instant",
            exit_status="interrupted",
            steps=1,
            tool_calls=0,
            seconds=0.1,
            run_id="r1",
        ),
    )
    assert conversation.messages == (system, image, asked, Message("assistant", "A rec"))
