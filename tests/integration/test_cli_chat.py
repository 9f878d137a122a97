"""`lean-agent chat`, in a pipe and at a terminal."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len
from support.cli import LEAN_AGENT, acts_natively, environment, in_process, lean_agent
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.ledger.outcomes import read_outcomes

# A pseudo-terminal needs a fork, and the server is a thread of this process.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def in_a_pipe(server: FakeOpenAI, folder: Path, typed: bytes) -> Any:
    line = ("chat", "--model", "openai:x", "--base-url", server.url)
    return lean_agent(*line, folder=folder, stdin=typed)


@pytest.mark.slow
def test_each_line_is_a_question_that_knows_the_last_one(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="Paris"), Reply(text="Rome"))
    ended = in_a_pipe(server, tmp_path, b"Capital of France?\n\nAnd of Italy?")
    assert (ended.code, ended.out) == (0, "Paris\nRome\n")
    first, second = (request.body["messages"] for request in server.chats)
    assert second[: len(first)] == first
    assert [m["content"] for m in second[len(first) :]] == ["Paris", "And of Italy?"]
    assert "session: 2 steps" in ended.err.splitlines()[-1]


@pytest.mark.slow
def test_commands(server: FakeOpenAI, tmp_path: Path) -> None:
    typed = b"/help\n/mode\n/mode reason\n/mode magic\n/mod\n/etc/hosts?\nhi\n/new\n/cost\n"
    typed += b"ho\n/quit\nnever\n"
    server.say(*[Reply(text="Answer: yes")] * 3)
    ended = in_a_pipe(server, tmp_path, typed)
    assert (ended.code, ended.out) == (0, "yes\nyes\nyes\n")
    lines = ended.err.splitlines()
    assert lines[0].startswith("/bad ")
    assert any(line.startswith("/mode [MODE] ") for line in lines)
    assert lines.index("mode auto") < lines.index("mode reason")
    assert any(line.startswith("error: no mode 'magic'") for line in lines)
    at = lines.index("error: no command '/mod'")
    assert lines[at + 1] == "hint: did you mean /mode? /help lists them"
    assert "reason mode: forced by the caller" in lines
    assert server.chats[0].body["messages"][-1]["content"].startswith("/etc/hosts?")
    first, _, after_new = (len(chat.body["messages"]) for chat in server.chats)
    assert first == after_new


@pytest.mark.slow
def test_one_bad_line_or_answer_does_not_end_the_session(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="fine"), Reply(status=400, body={"error": {"message": "no"}}))
    ended = in_a_pipe(server, tmp_path, b"hi\ncaf\xe9\nrefused\nlast\n")
    assert ended.out == "fine\nok\n"
    assert ended.code in (1, 2)
    assert "not UTF-8" in ended.err


PROMPT = re.escape("\x1b[?2004h")  # bracketed paste is on: a line can be typed
Spawn = Callable[..., Any]


@pytest.fixture
def at_terminal(server: FakeOpenAI, tmp_path: Path) -> Iterator[Spawn]:
    """Starts a chat on a pseudo-terminal."""
    children: list[Any] = []

    def spawn(*flags: str, columns: int = 160, **variables: str) -> Any:
        program: Any = pexpect  # which has no types
        child = program.spawn(
            LEAN_AGENT,
            ["chat", "--model", "openai:x", "--base-url", server.url, *flags],
            env=environment(tmp_path, **{"TERM": "xterm-256color", **variables}),
            cwd=tmp_path,
            dimensions=(40, columns),
            timeout=60,
            encoding="utf-8",
            # Under nohup the tests ignore it, and so would the child.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        child.logfile_read = io.StringIO()
        children.append(child)
        child.expect("Ctrl-D leaves")
        child.expect("> " if variables.get("TERM") == "dumb" else PROMPT)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


@pytest.mark.slow
def test_ctrl_c_stops_an_answer_and_keeps_session_and_spend(
    server: FakeOpenAI, at_terminal: Spawn
) -> None:
    server.say(
        Reply(text="I am in Ghent."),
        Reply(text="one two three four", piece_delay=0.1, run_on=" more"),
        Reply(text="still here"),
    )
    child = at_terminal()
    child.send("Where are you?\r")
    child.expect("I am in Ghent.")
    child.expect(r"unknown \(unpriced\)")
    child.expect(PROMPT)
    child.send("Count!\r")
    child.expect("two three")
    assert not child.getecho()
    child.sendintr()
    child.expect("error: interrupted")
    child.sendintr()
    child.expect(PROMPT)
    child.send("Are you there?\r")
    child.expect("still here")
    child.expect(PROMPT)
    child.send("/cost\r")
    child.expect(r"session: .* \d\d output tokens .* unknown \(unpriced\)")
    child.expect(PROMPT)
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert server.gone.wait(10)
    contents = [m["content"] for m in server.chats[-1].body["messages"]]
    assert contents[-4:-2] == ["I am in Ghent.", "Count!"]
    assert contents[-2].startswith("one two")
    assert contents[-1] == "Are you there?"


@pytest.mark.slow
def test_ctrl_c_at_the_prompt_discards_the_line_and_no_answer_steers_the_terminal(
    server: FakeOpenAI, at_terminal: Spawn
) -> None:
    server.say(Reply(text="a\x1b]0;owned\x07b\x1b[2Jc\x9b2Jd", piece_chars=1))
    child = at_terminal(NO_COLOR="1")
    child.send("half a line")
    child.expect("half a line")
    child.sendintr()
    child.expect(PROMPT)
    child.send("whole\r")
    child.expect(re.escape("a]0;ownedb[2Jc2Jd"))
    child.expect(PROMPT)
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert len(server.chats) == 1
    assert "half" not in str(server.chats[0].body)


@pytest.mark.slow
def test_a_terminal_that_can_do_nothing_gets_a_bare_prompt(
    server: FakeOpenAI, at_terminal: Spawn
) -> None:
    server.say(Reply(text="Once upon", finish_reason="length"), Reply(text=" a time."))
    child = at_terminal("--max-tokens", "300", TERM="dumb")
    child.send("half a line")
    child.sendintr()
    child.expect("\r\n> ")
    child.send("Tell a story\r")
    child.expect(re.escape("[r]aise it to 600 tokens"))
    child.send("r\r")
    child.expect("Once upon a time.")
    child.expect("\r\n> ")
    leave(child)
    assert "half" not in str(server.chats[0].body)
    assert "\x1b" not in child.logfile_read.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_session_restores_the_terminal(
    server: FakeOpenAI, at_terminal: Spawn, number: signal.Signals
) -> None:
    child = at_terminal()
    child.kill(number)
    child.expect(re.escape("\x1b[?2004l"))
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def leave(child: Any) -> str:
    """Ctrl-D; what was written since the last expectation."""
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    return str(child.before)


@pytest.mark.slow
def test_a_session_goes_on_another_day_where_it_was(
    server: FakeOpenAI, at_terminal: Spawn, tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("the key is under the mat")
    server.say(Reply(text="Under the mat."), Reply(text="forget me"), Reply(text="Still there."))
    child = at_terminal()
    child.send("Where is the key? @note.txt\r")
    child.expect("Under the mat.")
    child.expect(PROMPT)
    child.send("Something else\r")
    child.expect("forget me")
    child.expect(PROMPT)
    for command, told in (
        ("/undo", "1 question left"),
        ("/good", "was right"),
        ("/name k", "k"),
        ("/branch side", "side: a branch of k"),
        ("/resume k", "k: 1 question so far"),
        ("/theme light", "theme light"),
        ("/theme bright", "no theme 'bright'"),
    ):
        child.send(f"{command}\r")
        child.expect(told)
        child.expect(PROMPT)
    assert "lean-agent chat --resume k" in leave(child)
    child = at_terminal("--resume", "k")
    child.send("And now?\r")
    child.expect("Still there.")
    child.expect(PROMPT)
    assert "session: 3 steps" in leave(child)
    first, _, last = (request.body["messages"] for request in server.chats)
    assert "under the mat" in first[-1]["content"]
    assert last[: len(first)] == first
    assert [m["content"] for m in last[len(first) :]] == ["Under the mat.", "And now?"]
    (judged,) = read_outcomes(tmp_path / "data" / "lean-agent" / "ledger")
    assert (judged.passed, judged.source) == (True, "person")
    listed = in_process("sessions", "list", "--json", folder=tmp_path).json
    told = [(one["name"], one["answers"], one["branch_of"]) for one in listed]
    assert told == [("k", 3, None), ("side", 0, "k")]
    for name in ("k", "side"):
        assert in_process("sessions", "rm", name, folder=tmp_path).code == 0
    assert in_process("sessions", "list", "--json", folder=tmp_path).json == []


@pytest.mark.slow
def test_a_session_whose_process_was_killed_goes_on_with_its_answer(
    server: FakeOpenAI, at_terminal: Spawn
) -> None:
    server.say(
        Reply(text="Once upon ", run_on="a "),
        Reply(text="Once upon a time."),
        Reply(text="They lived."),
    )
    child = at_terminal("--system", "Be kind.")
    child.send("Tell a story\r")
    child.expect("Once upon")
    child.kill(signal.SIGKILL)
    child.expect(pexpect.EOF)
    child = at_terminal("--resume", "tell")
    child.expect(re.escape("[g]o on with it, or [d]rop it?"))
    assert "not answered to its end: Tell a story" in child.logfile_read.getvalue()
    child.send("g\r")
    child.expect(re.escape("Once upon a time."))
    child.expect(PROMPT)
    child.send("And then?\r")
    child.expect("They lived.")
    child.expect(PROMPT)
    leave(child)
    asked = [m["content"] for m in server.chats[-1].body["messages"]]
    assert asked[1:] == ["Tell a story", "Once upon a time.", "And then?"]
    assert server.chats[1].body["messages"] == server.chats[0].body["messages"]


@pytest.mark.slow
def test_at_a_cap_the_person_raises_it_and_the_run_goes_on(
    server: FakeOpenAI, at_terminal: Spawn
) -> None:
    server.say(
        Reply(text="Once upon a time there", finish_reason="length"), Reply(text=" was an end.")
    )
    child = at_terminal("--max-tokens", "300")
    child.send("Tell a story\r")
    child.expect(re.escape("[r]aise it to 600 tokens"))
    child.send("r\r")
    child.expect("was an end.")
    child.expect(PROMPT)
    assert child.logfile_read.getvalue().count("Once upon a time there") == 1
    child.send("/cost\r")
    child.expect("session: 2 steps")
    child.expect(PROMPT)
    leave(child)
    assert len(server.chats) == 2
    assert "Tell a story" not in server.chats[1].body["messages"][-1]["content"]


CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_no_line_of_ours_is_wider_than_the_terminal(
    server: FakeOpenAI, at_terminal: Spawn, tmp_path: Path, columns: int
) -> None:
    wide = json.dumps({"expression": "".join(chr(0x4E00 + n) for n in range(240))})
    server.say(Reply(tool_calls=(("calculator", wide),)), Reply(text="cannot"))
    acts_natively(server.url, tmp_path)
    child = at_terminal("--mode", "agent", columns=columns)
    child.send("Calculate!\r")
    child.expect("cannot")
    child.expect(PROMPT)
    child.send("/tools\r")
    child.expect("1 calculator")
    child.expect(PROMPT)
    # The menu is drawn by moving about, so its lines cannot be told without a terminal.
    drawn = child.logfile_read.getvalue()
    child.send("/to\t")
    child.expect("/tokens")
    child.sendintr()
    child.expect(PROMPT)
    leave(child)
    shown = re.split(r"[\r\n]+", CODES.sub("", drawn))
    assert any("一丁" in line for line in shown)
    widest = max(shown, key=cell_len)
    assert cell_len(widest) <= columns, widest


@pytest.mark.slow
def test_the_prompt_is_there_within_a_second(
    server: FakeOpenAI, at_terminal: Spawn, tmp_path: Path
) -> None:
    def help_took() -> float:
        began = time.perf_counter()
        lean_agent("--help", folder=tmp_path)
        return time.perf_counter() - began

    before = help_took()
    began = time.perf_counter()
    child = at_terminal()
    child.expect(">")
    took = time.perf_counter() - began
    leave(child)
    # The machine may be a slow or a busy one, and become so in between.
    assert took < max(1.0, 4 * max(before, help_took()))
