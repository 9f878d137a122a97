"""`lean-agent ask` with a tool that writes: asked at a terminal, refused in a pipe, or allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len
from support.cli import LEAN_AGENT, acts_natively, environment, in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.approval import Approval, ApprovalRequest
from lean_agent.cli.approval import AsksAtTerminal, parsed
from lean_agent.cli.text import visible

# A pseudo-terminal needs a fork, and the server is a thread of this process.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

ESCAPES = "\x1b]0;safe\x07\u202eeb ot"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("old\n")
    return folder


def writing(path: str = "a.txt", content: str = "new\n") -> Reply:
    call = json.dumps({"path": path, "content": content})
    return Reply(text="", tool_calls=(("write_file", call),))


def line(server: FakeOpenAI, notes: Path, *more: str) -> list[str]:
    acts_natively(server.url, notes.parent)
    known = ["--model", "openai:x", "--base-url", server.url, "--mode", "agent"]
    return ["ask", *known, "--corpus", str(notes), *more, "Write it."]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--tool", "write_file"], "old\n"),
        (["--allow", "write_file:b*"], "old\n"),
        (["--allow", "write_file:a*"], "new\n"),
        (["--allow", "write_file"], "new\n"),
    ],
)
def test_in_a_pipe_only_what_is_allowed_is_done(
    more: list[str], text: str, server: FakeOpenAI, notes: Path, tmp_path: Path
) -> None:
    server.say(writing(), Reply(text="done"))
    ended = in_process(*line(server, notes, *more), folder=tmp_path)
    assert (ended.code, (notes / "a.txt").read_text()) == (0, text)
    assert ("to allow it: --allow write_file:a.txt" in ended.err) == (text == "old\n")


@pytest.mark.slow
def test_a_tool_that_there_is_not_is_refused_before_anything_is_paid(
    server: FakeOpenAI, notes: Path, tmp_path: Path
) -> None:
    for more in (["--tool", "write_fil"], ["--allow", "write_fil:a*"]):
        ended = in_process(*line(server, notes, *more), folder=tmp_path)
        assert (ended.code, server.requests) == (2, [])
        assert "write_file" in ended.err


def test_the_list_tells_which_tools_are_offered_and_which_ask(tmp_path: Path) -> None:
    listed = {t["name"]: t for t in in_process("tools", "list", "--json", folder=tmp_path).json}
    assert (listed["shell"]["optional"], listed["shell"]["approval"]) == (True, True)
    assert (listed["http_get"]["side_effects"], listed["http_get"]["approval"]) == (False, True)
    assert (listed["calculator"]["optional"], listed["calculator"]["approval"]) == (False, False)


Spawn = Callable[..., Any]


@pytest.fixture
def at_terminal(server: FakeOpenAI, notes: Path, tmp_path: Path) -> Iterator[Spawn]:
    """Asks on a pseudo-terminal, up to the first question."""
    children: list[Any] = []

    def spawn(*more: str) -> Any:
        program: Any = pexpect  # which has no types
        child = program.spawn(
            LEAN_AGENT,
            line(server, notes, "--tool", "write_file", *more),
            env=environment(tmp_path, TERM="xterm-256color", NO_COLOR="1"),
            dimensions=(60, 200),
            timeout=60,
            encoding="utf-8",
        )
        children.append(child)
        child.expect("write_file asks for a yes:")
        return child

    yield spawn
    for child in children:
        child.close(force=True)


def answer(child: Any, text: str) -> str:
    """Type once the question stands there; what was shown before it."""
    child.expect("or why not:")
    shown = child.before
    child.send(f"{text}\r")
    return shown


@pytest.mark.slow
def test_a_diff_is_shown_and_a_reason_goes_to_the_model(
    at_terminal: Spawn, server: FakeOpenAI, notes: Path
) -> None:
    server.say(writing(), writing("b.txt"), writing("b.txt", "x" * 10), Reply(text="done"))
    child = at_terminal()
    shown = answer(child, "write it to b.txt")
    assert re.search(r"-old\s+\+new", shown)
    assert "[a]lways write_file:a.txt" in shown
    child.expect("write_file asks for a yes:")
    answer(child, "a")
    child.expect("done")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert (notes / "a.txt").read_text() == "old\n"
    assert (notes / "b.txt").read_text() == "x" * 10  # asked about once
    told = server.chats[1].body["messages"][-1]["content"]
    assert "the user denied it: write it to b.txt" in told


@pytest.mark.slow
def test_what_is_shown_cannot_hide_what_it_does(
    at_terminal: Spawn, server: FakeOpenAI, notes: Path
) -> None:
    lines = [ESCAPES, *(f"line {number}" for number in range(100)), "the end"]
    server.say(writing(content="\n".join(lines)), Reply(text="done"))
    child = at_terminal()
    shown = answer(child, "v")
    assert r"+\x1b]0;safe\x07\u202eeb ot" in shown
    assert ESCAPES not in shown
    assert "this is not all of it" in shown
    child.expect(r"\+the end")
    answer(child, "y")
    child.expect(pexpect.EOF)
    assert (notes / "a.txt").read_text().startswith(ESCAPES)


@pytest.mark.slow
def test_ctrl_c_at_the_question_interrupts_and_resume_asks_again(
    at_terminal: Spawn, server: FakeOpenAI, notes: Path, tmp_path: Path
) -> None:
    server.say(writing(), Reply(text="done"))
    child = at_terminal()
    child.expect("or why not:")
    child.sendcontrol("c")
    child.expect("to go on: lean-agent resume")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130
    assert (notes / "a.txt").read_text() == "old\n"
    program: Any = pexpect
    again = program.spawn(
        LEAN_AGENT,
        ["resume"],
        env=environment(tmp_path, TERM="xterm-256color", NO_COLOR="1"),
        dimensions=(60, 200),
        timeout=60,
        encoding="utf-8",
    )
    again.expect("write_file asks for a yes:")
    answer(again, "yes")
    again.expect("done")
    again.expect(pexpect.EOF)
    again.close()
    assert (notes / "a.txt").read_text() == "new\n"
    assert len(server.chats) == 2, "the call that asked for it is not paid twice"


async def test_nothing_of_a_preview_stands_where_our_own_words_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    async def yes(_question: str) -> str:
        return "y"

    monkeypatch.setattr("lean_agent.cli.approval._typed", yes)
    wide = "\u6f22" * 50
    command = f"$ ls{' ' * 36}write_file asks for a yes:{' ' * 14}{wide}; rm -rf ."
    request = ApprovalRequest(
        tool="shell", arguments={}, preview=f"in /home:\n{command}", pattern="", run_id="r"
    )
    assert await AsksAtTerminal(plain=True)(request) == Approval(verdict="once")
    first, where, *rows = capsys.readouterr().err.splitlines()
    assert (first, where) == ("shell asks for a yes:", "  in /home:")
    assert all(row.startswith("  ") and cell_len(row) <= 40 for row in rows)
    assert "".join(row[2:] for row in rows) == command


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("y", Approval(verdict="once")),
        (" YES ", Approval(verdict="once")),
        ("a", Approval(verdict="always")),
        ("n", Approval(verdict="deny")),
        ("yes please", Approval(verdict="deny", reason="yes please")),
        ("not there", Approval(verdict="deny", reason="not there")),
        ("", None),
        ("  ", None),
    ],
)
def test_only_a_plain_yes_is_one(typed: str, expected: Approval | None) -> None:
    assert parsed(typed, always=True) == expected
    assert parsed("a", always=False) is None


def test_everything_that_is_not_seen_is_written_out() -> None:
    text = "".join(map(chr, range(0x3000)))
    shown = visible(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert visible("caf\u00e9 漢字\n\tend") == "caf\u00e9 漢字\n\tend"
    assert visible("\ud800\u200b\r") == r"\ud800\u200b\r"
    assert visible("ru\u3164n \ufe0f\U000e0101\u2800") == r"ru\u3164n \ufe0f\U000e0101\u2800"
