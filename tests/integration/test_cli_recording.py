"""`--record` of `ask` and `chat`, and what `lean-agent trajectory` says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cli import Ended, in_process, lean_agent
from support.fake_openai import FakeOpenAI, Reply


@pytest.mark.slow
def test_runs_are_recorded_when_asked(server: FakeOpenAI, tmp_path: Path) -> None:
    at = ("--model", "openai:x", "--base-url", server.url)

    def ask(*arguments: str) -> Ended:
        return in_process("ask", *arguments, *at, folder=tmp_path)

    def recorded() -> list[dict[str, Any]]:
        return in_process("trajectory", "list", "--json", folder=tmp_path).json

    server.say(Reply(text="four"), Reply(text="five"))
    asked = ask("What is two plus two?", "--record", "--json").json
    assert ask("And three?").code == 0
    (row,) = recorded()
    assert (row["id"], row["question"]) == (asked["run_id"], "What is two plus two?")
    assert row["tokens"] == asked["usage"]["input_tokens"] + asked["usage"]["output_tokens"]

    server.say(Reply(text="six"), Reply(text="seven"))
    talked = lean_agent(
        "chat", "--quiet", *at, folder=tmp_path, stdin=b"One?\nTwo?\n/good\n", LEAN_AGENT_RECORD="1"
    )
    assert talked.out == "six\nseven\n"
    rows = [(found["question"], found["passed"]) for found in recorded()]
    assert rows == [("Two?", True), ("One?", None), (row["question"], None)]

    again = in_process("trajectory", "replay", asked["run_id"][:12], folder=tmp_path)
    assert (again.code, again.out) == (0, "four\n")
    assert len(server.chats) == 4, "no model is asked"


@pytest.mark.slow
def test_a_run_that_goes_on_is_recorded_once(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="Once upon", finish_reason="length"), Reply(text=" a time."))
    at = ("--model", "openai:x", "--base-url", server.url)
    in_process("ask", "Tell!", "--max-tokens", "300", "--record", *at, folder=tmp_path)
    in_process("resume", "--max-tokens", "4000", folder=tmp_path)
    (row,) = in_process("trajectory", "list", "--json", folder=tmp_path).json
    shown = in_process("trajectory", "show", row["id"], "--json", folder=tmp_path).json
    assert (shown["ending"], shown["output"]) == ("completed", "Once upon a time.")
