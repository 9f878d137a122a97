"""A disk that takes no more: the run answers, and tells what could not be kept.

The limit on the size of a file stands for the full disk, as it needs no privilege: a write beyond
it fails (EFBIG) where it would with ENOSPC.
"""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from support.cli import LEAN_AGENT, Ended, environment, in_process
from support.counting_server import counting
from support.fake_openai import FakeOpenAI, FakeRequest, Reply

pytestmark = pytest.mark.slow

MODEL = ("--model", "openai:x")


def on_full_disk(room: int, *arguments: str, folder: Path) -> Ended:
    """Run a command that can write ``room`` bytes to any one file."""
    done = subprocess.run(
        [LEAN_AGENT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env=environment(folder),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("room", [0, 3_000, 20_000])
def test_a_disk_that_is_full_from_the_start(room: int, server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="four"))
    url = ("--base-url", server.url)
    ended = on_full_disk(room, "ask", "two plus two?", *MODEL, *url, folder=tmp_path)
    assert (ended.code, ended.out) == (0, "four\n")
    assert ended.err.count("this run cannot be resumed: checkpoints cannot be kept in") == 1
    assert ended.err.count("cannot be resumed") == 1
    assert ("ledger entries could not be written" in ended.err) == (room == 0)
    assert "error:" not in ended.err
    assert in_process("resume", "--list", "--json", folder=tmp_path).json == []


@pytest.mark.parametrize("room", [3_000, 30_000])
def test_what_cannot_go_on_now_can_once_there_is_room(
    room: int, server: FakeOpenAI, tmp_path: Path
) -> None:
    server.say(Reply(text="Once upon", finish_reason="length"), Reply(text=" a time."))
    run = ("ask", "Tell a story", *MODEL, "--base-url", server.url)
    assert in_process(*run, "--max-tokens", "300", folder=tmp_path).code == 3
    refused = on_full_disk(room, "resume", "--max-tokens", "4000", folder=tmp_path)
    assert refused.code == 2
    assert "hint: free some disk space" in refused.err
    assert len(server.chats) == 1
    done = in_process("resume", "--max-tokens", "4000", folder=tmp_path)
    assert (done.code, done.out) == (0, "Once upon a time.\n")


def test_a_disk_that_fills_in_the_middle(tmp_path: Path) -> None:
    def sums(request: FakeRequest) -> Reply:
        messages = request.body["messages"]
        done = sum(message["role"] == "tool" for message in messages)
        if not any("six sums" in str(message["content"]) for message in messages):
            return counting()(request)
        if done == 6 or "Now answer" in messages[-1]["content"]:
            return Reply(text=f"{done} done")
        return Reply(text="", tool_calls=(("calculator", f'{{"expression": "{done}+1"}}'),))

    with FakeOpenAI(sums) as server:
        run = ("ask", "six sums", "--mode", "agent", *MODEL, "--base-url", server.url)
        assert in_process(*run, "--max-steps", "2", folder=tmp_path).code == 3
        assert in_process("resume", "--max-steps", "9", folder=tmp_path).out == "6 done\n"
        cut = on_full_disk(90_000, *run, "--max-steps", "5", folder=tmp_path)
        assert cut.code == 3, cut.err
        told = "note: this run can be resumed only from an earlier step: a checkpoint could not be"
        assert cut.err.count(told) == 1
        assert "to go on: lean-agent resume" in cut.err
        done = in_process("resume", "--max-steps", "20", "--json", folder=tmp_path)
        assert (done.code, done.json["output"]) == (0, "6 done"), done.err
