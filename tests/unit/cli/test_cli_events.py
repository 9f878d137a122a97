"""`ask --events`: a run as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.cli import acts_natively, in_process, lean_agent
from support.fake_openai import FakeOpenAI, Reply

CALL = json.dumps({"expression": "6 * 7"})


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_each_event_is_a_line_and_the_last_is_what_json_prints(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    acts_natively(server.url, tmp_path)
    server.say(Reply(text="", tool_calls=(("calculator", CALL),)), Reply(text="It is\x9b2J 42."))
    line = ("ask", "--model", "openai:x", "--base-url", server.url, "--mode", "agent")
    ended = in_process(*line, "--events", "6 * 7?", folder=tmp_path)
    assert ended.code == 0
    assert "\x9b" not in ended.out
    told = lines(ended.out)
    names = [one["event"] for one in told]
    assert (names[0], names[-1]) == ("run_started", "run_finished")
    assert names.index("step_started") < names.index("tool_started") < names.index("tool_finished")
    assert all(one["run_id"] == told[-1]["run_id"] for one in told if one["event"] == "run_started")
    called = next(one for one in told if one["event"] == "tool_started")
    assert (called["name"], called["arguments"]) == ("calculator", {"expression": "6 * 7"})
    written = "".join(t["text"] for t in told if t["event"] == "token" and t["channel"] == "answer")
    assert written.endswith(told[-1]["output"])
    assert (told[-1]["exit_status"], told[-1]["tool_calls"]) == ("completed", 1)
    assert [one["usage"] for one in told if one["event"] == "cost_updated"][-1] == told[-1]["usage"]


def test_what_goes_wrong_is_the_last_line_too(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(status=400, body={"error": {"message": "no such model"}}))
    line = ("ask", "--model", "openai:x", "--base-url", server.url, "--events")
    refused = in_process(*line, "--mode", "instant", "hi", folder=tmp_path)
    missing = in_process(*line, "--file", "missing.txt", "hi", folder=tmp_path)
    for ended in (refused, missing):
        last = lines(ended.out)[-1]
        assert ended.code == 2 or last["exit_status"] == "failed"
        assert last["event"] == "run_finished"
        assert last["error"]["message"] in ended.err
    both = in_process(*line, "--json", "hi", folder=tmp_path)
    assert (both.code, "two forms of one output" in both.err) == (2, True)


@pytest.mark.slow
def test_a_piped_chat_tells_each_of_its_runs(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="Paris"), Reply(text="Rome"))
    line = ("chat", "--model", "openai:x", "--base-url", server.url, "--events")
    ended = lean_agent(*line, folder=tmp_path, stdin=b"France?\n/mode\nItaly?\n")
    finished = [one for one in lines(ended.out) if one["event"] == "run_finished"]
    assert [one["output"] for one in finished] == ["Paris", "Rome"]
