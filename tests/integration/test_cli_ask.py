"""`lean-agent ask` against a server that says what it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest
from support.cli import LEAN_AGENT, Ended, acts_natively, environment, in_process, lean_agent
from support.fake_openai import FakeOpenAI, Reply

CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
FIELDS = {
    "output",
    "mode",
    "exit_status",
    "steps",
    "tool_calls",
    "usage",
    "seconds",
    "run_id",
}


def ask(server: FakeOpenAI, folder: Path, *arguments: str, **more: Any) -> Ended:
    return in_process(
        "ask", *arguments, "--model", "openai:x", "--base-url", server.url, folder=folder, **more
    )


@pytest.mark.slow
def test_the_answer_is_all_of_stdout(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="It is \x1b]0;owned\x07four.\n"))
    ended = ask(server, tmp_path, "What is two plus two?")
    assert ended.code == 0
    assert ended.out == "It is ]0;ownedfour.\n"
    assert "\x1b" not in ended.err
    assert "instant mode" in ended.err
    assert "unknown (unpriced)" in ended.err.splitlines()[-1]
    assert ask(server, tmp_path, "hi", "--quiet").err == ""


@pytest.mark.slow
def test_the_installed_program_answers_too(server: FakeOpenAI, tmp_path: Path) -> None:
    line = ("ask", "--model", "openai:x", "--base-url", server.url, "--quiet")
    ended = lean_agent(*line, folder=tmp_path, stdin=b"Wie hoch ist der Turm?\n")
    assert (ended.code, ended.out, ended.err) == (0, "ok\n", "")


@pytest.mark.slow
def test_json_is_one_object_with_the_promised_fields(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="four \x9b2J", cached_tokens=8))
    ended = ask(server, tmp_path, "What is two plus two?", "--json")
    data = ended.json
    assert ended.code == 0
    assert set(data) >= FIELDS
    assert "error" not in data
    assert data["output"] == "four \x9b2J"
    assert "\x9b" not in ended.out
    assert (data["mode"], data["exit_status"], data["steps"]) == ("instant", "completed", 1)
    assert data["usage"]["cost"] is None
    assert data["usage"]["cache_read_input_tokens"] == 8
    assert [data["usage"]["input_tokens"], data["usage"]["output_tokens"]] == server.reported
    shown = in_process("ledger", "show", data["run_id"], "--json", folder=tmp_path).json
    assert shown["output_tokens"] == data["usage"]["output_tokens"]


@pytest.mark.slow
def test_the_question_comes_from_a_pipe(server: FakeOpenAI, tmp_path: Path) -> None:
    question = "Wie hoch ist der Turm?"
    for arguments in (("-",), ()):
        ended = ask(server, tmp_path, *arguments, stdin=f"{question}\n".encode())
        assert (ended.code, ended.out) == (0, "ok\n")
        assert question in server.chats[-1].body["messages"][-1]["content"]


def test_tools_work_on_the_corpus_that_was_given(server: FakeOpenAI, tmp_path: Path) -> None:
    acts_natively(server.url, tmp_path)
    server.say(
        Reply(text="", tool_calls=(("search", '{"query": "40 cm telescope one night"}'),)),
        Reply(text="", tool_calls=(("calculator", '{"expression": "7 * 68"}'),)),
        Reply(text="476 euros"),
    )
    ended = ask(server, tmp_path, "7 nights with the 40 cm telescope?", "--corpus", str(CORPUS))
    assert (ended.code, ended.out) == (0, "476 euros\n")
    offered = {tool["function"]["name"] for tool in server.chats[0].body["tools"]}
    assert offered >= {"search", "calculator", "read_file", "list_files"}
    messages = [m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool"]
    assert "68 euros for one night" in messages[0]
    assert "476" in messages[1]
    assert '  search query="40 cm telescope one night"' in ended.err
    assert "agent mode" in ended.err


def test_only_the_files_given_can_be_read(server: FakeOpenAI, tmp_path: Path) -> None:
    acts_natively(server.url, tmp_path)
    given, other = tmp_path / "given.md", tmp_path / "other.md"
    given.write_text("The password is heather.")
    other.write_text("The password is bracken.")
    server.say(
        Reply(text="", tool_calls=(("read_file", '{"path": "given.md"}'),)),
        Reply(text="", tool_calls=(("read_file", json.dumps({"path": str(other)})),)),
        Reply(text="heather"),
    )
    ended = ask(server, tmp_path, "What is the password?", "--file", str(given))
    assert (ended.code, ended.out) == (0, "heather\n")
    sent = json.dumps(server.chats[-1].body["messages"])
    assert "heather" in sent
    assert "bracken" not in sent
    assert "- given.md" in server.chats[0].body["messages"][0]["content"]


def test_a_folder_without_documents_is_told_before_anything_is_paid(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"\0\1")
    ended = ask(server, tmp_path, "hi", "--corpus", str(folder))
    assert ended.code == 2
    assert "no readable documents" in ended.err
    (folder / "b.md").write_text("A night costs 68 euros.")
    ended = ask(server, tmp_path, "hi", "--corpus", str(folder))
    assert ended.code == 0
    assert "note: not searched: a.bin (binary)" in ended.err


def test_a_limit_ends_with_3_and_the_best_answer(server: FakeOpenAI, tmp_path: Path) -> None:
    acts_natively(server.url, tmp_path)
    again = Reply(text="", tool_calls=(("search", '{"query": "price"}'),))
    server.say(again, Reply(text="about 68 euros"))
    line = ("What does a night cost?", "--corpus", str(CORPUS), "--max-steps", "2")
    ended = ask(server, tmp_path, *line)
    assert (ended.code, ended.out) == (3, "about 68 euros\n")
    assert "the steps limit was reached" in ended.err
    server.say(again, Reply(text="about 68 euros"))
    data = ask(server, tmp_path, *line, "--json")
    assert data.code == 3
    assert (data.json["exit_status"], data.json["limit"]) == ("limit_exceeded", "steps")
    assert data.json["output"] == "about 68 euros"


def test_a_dollar_cap_on_an_unpriced_model_is_refused(server: FakeOpenAI, tmp_path: Path) -> None:
    ended = ask(server, tmp_path, "hi", "--budget-usd", "0.05")
    assert ended.code == 2
    assert "unknown" in ended.err
    assert "prices.toml" in ended.err
    assert server.requests == []


def test_a_server_that_fails_is_one_line(server: FakeOpenAI, tmp_path: Path) -> None:
    refusal = {"error": {"message": "Incorrect key sk-test-0123456789abcdef\nno entry"}}
    server.say(*[Reply(status=401, body=refusal)] * 3)
    ended = ask(server, tmp_path, "hi", "--json")
    assert ended.code in (1, 2)
    assert "sk-test-0123456789abcdef" not in ended.out + ended.err
    assert set(ended.json) >= {*FIELDS, "error"}
    assert ended.json["exit_status"] == "failed"
    assert ended.json["error"]["message"] in ended.err
    assert [line.split(":")[0] for line in ended.err.splitlines() if "error" in line] == ["error"]


def test_no_server_at_all(server: FakeOpenAI, tmp_path: Path) -> None:
    url = server.url
    line = ("ask", "hi", "--model", "openai:x", "--base-url", url.replace("/v1", "9/v1"))
    ended = in_process(*line, folder=tmp_path)
    assert ended.code in (1, 2)
    assert "error: " in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_question_prints_what_there_is(
    server: FakeOpenAI, tmp_path: Path, number: signal.Signals
) -> None:
    # A child inherits that a signal is ignored, as it is where the tests run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.say(Reply(text="one two three four five six seven", piece_delay=0.1, run_on=" more"))
    command = [LEAN_AGENT, "ask", "count", "--model", "openai:x", "--base-url", server.url]
    with subprocess.Popen(
        [*command, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as process:
        deadline = time.monotonic() + 30
        while not server.chats and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.6)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    data = json.loads(out)
    assert process.returncode == 130
    assert data["exit_status"] == "interrupted"
    assert data["output"].startswith("one")
    assert data["usage"]["output_tokens"] > 0
    assert data["error"]["code"] == "interrupted"
    assert b"Traceback" not in err
    assert server.gone.wait(10)
    shown = in_process("ledger", "show", data["run_id"], "--json", folder=tmp_path).json
    assert shown["output_tokens"] == data["usage"]["output_tokens"]


def test_a_ledger_that_cannot_be_written_does_not_cost_the_answer(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    ended = ask(server, tmp_path, "hi", LEAN_AGENT_LEDGER_DIR=str(file))
    assert (ended.code, ended.out) == (0, "ok\n")
    assert "note: the ledger" in ended.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_missing_weights_are_offered_at_a_terminal(tmp_path: Path) -> None:
    program: Any = pexpect  # which has no types
    child = program.spawn(
        LEAN_AGENT,
        ["ask", "hi", "--model", "local:qwen2.5-coder-0.5b"],
        env=environment(tmp_path, TERM="xterm"),
        timeout=60,
        encoding="utf-8",
    )
    child.expect(r"Download 491 MB \(Apache-2.0\) now\? \[Y/n\] ")
    child.send("n\r")
    child.expect("hint: run: lean-agent models pull qwen2.5-coder-0.5b")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


@pytest.mark.slow
def test_an_old_locale_costs_letters_not_the_answer(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="Grüße"))
    line = ("ask", "hi", "--model", "openai:x", "--base-url", server.url)
    assert lean_agent(*line, folder=tmp_path, PYTHONIOENCODING="ascii").out == "Gr??e\n"


def test_a_corpus_with_a_current_index_is_searched_in_it(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    acts_natively(server.url, tmp_path)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "whale.md").write_text("The blue whale is the largest animal.")
    assert in_process("index", "build", str(folder), folder=tmp_path).code == 0
    asked = Reply(text="", tool_calls=(("search", '{"query": "largest"}'),))
    server.say(asked, Reply(text="the whale"))
    ended = ask(server, tmp_path, "Which animal is the largest?", "--corpus", str(folder))
    assert ended.code == 0
    told = "note: the documents are searched by their words alone (BM25)"
    assert f"{told}, in their index" in ended.err.splitlines()

    (folder / "cat.md").write_text("The cat is not the largest.")
    server.say(asked, Reply(text="the whale"))
    ended = ask(server, tmp_path, "Which animal is the largest?", "--corpus", str(folder))
    assert f"{told}: the documents have changed since they were indexed" in ended.err
    found = next(m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool")
    assert "cat.md" in found
