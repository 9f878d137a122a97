"""shell: what it runs, what it leaves behind, and which commands a pattern can stand for."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from lean_agent import Preview, RunContext, ToolError
from lean_agent.approval import Approvals
from lean_agent_tools import shell as module
from lean_agent_tools.shell import shell


async def run(command: str, folder: Path) -> str:
    return await shell.call({"command": command}, RunContext(roots=(folder,)))


async def test_it_runs_in_the_open_folder_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    assert await run("pwd; cat; env", tmp_path) != ""
    text = await run("pwd; cat; env", tmp_path)
    assert text.startswith(f"{tmp_path}\n")
    assert "sk-secret" not in text
    assert await run("echo out; echo err >&2; exit 3", tmp_path) == "out\nerr\n[exit code 3]"
    assert await run("true", tmp_path) == "(nothing was printed)"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def written(folder: Path) -> int:
    """The process id that a command has put into the file pid; 0 before."""
    file = folder / "pid"
    return int(file.read_text() or 0) if file.exists() else 0


async def gone(pid: int) -> bool:
    for _ in range(40):
        if not alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_what_it_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    began = time.monotonic()
    assert await run("sleep 60 & echo $! > pid; echo done", tmp_path) == "done"
    assert time.monotonic() - began < 10
    assert await gone(written(tmp_path))


async def test_one_that_takes_too_long_is_stopped_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.3)
    text = await run("echo begun; sleep 60 & echo $! > pid; wait", tmp_path)
    assert text == "begun\n[stopped: it took over 0.3 s]"
    assert await gone(written(tmp_path))


async def test_one_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    task = asyncio.ensure_future(run("echo $$ > pid; exec sleep 60", tmp_path))
    for _ in range(1_500):
        if written(tmp_path):
            break
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(written(tmp_path))


async def test_one_that_prints_without_end_is_stopped(tmp_path: Path) -> None:
    text = await run("yes", tmp_path)
    assert len(text) < 210_000
    assert "printed more than" in text


async def test_colours_and_bytes_that_are_no_text_are_taken_out(tmp_path: Path) -> None:
    text = await run(r"printf '\033[31mred\033[0m \033]0;title\007caf\351'", tmp_path)
    assert text == "red caf\ufffd"


@pytest.mark.parametrize("command", ["a\0b", "x" * 3_000_000])
async def test_what_cannot_be_run_is_said(command: str, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be run"):
        await run(command, tmp_path)


async def subject(command: str) -> str | None:
    found = await shell.preview({"command": command}, RunContext())
    assert isinstance(found, Preview)
    assert command in found.text
    return found.subject


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf .",
        "git status && rm x",
        "git status | sh",
        "git status & rm x",
        "git status\nrm x",
        "git status\rrm x",
        "git log $(rm x)",
        "git log `rm x`",
        "git log ${IFS}",
        "git log > x",
        "git log < x",
        "git log {a,b}",
        "(git log)",
        "git lo\\g",
        "! git log",
        "git log \u202e",
    ],
)
async def test_no_pattern_allows_a_command_that_can_hold_another(command: str) -> None:
    assert await subject(command) is None
    assert not Approvals(allowed=["shell:*"]).cover("shell", await subject(command))


async def test_a_pattern_allows_a_plain_command() -> None:
    assert await subject("git log -n 3 '*.py'") == "git log -n 3 '*.py'"


def test_it_is_off_unless_it_is_asked_for() -> None:
    from lean_agent.plugins import load_optional_tools, load_tools

    assert "shell" not in load_tools()
    assert "shell" in load_optional_tools(["shell"])
