"""What the user got wrong is one line, a hint, and exit code 2."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.cli import LEAN_AGENT, Ended, environment, in_process, lean_agent


def told(ended: Ended, words: str) -> None:
    assert ended.code == 2, ended.err
    lines = ended.err.splitlines()
    assert len(lines) == 2, ended.err
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines[1]) > len("hint: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", ""], "the question is empty"),
        (["ask", "-"], "the question is empty"),
        (["ask"], "the question is empty"),
        (["ask", "hi", "--budget-usd", "lots"], "--budget-usd"),
        (["ask", "hi", "--budget-usd", "-1"], "--budget-usd"),
        (["ask", "hi", "--budget-usd", "nan"], "--budget-usd"),
        (["ask", "hi", "--max-steps", "0"], "--max-steps"),
        (["ask", "hi", "--max-tokens", "many"], "--max-tokens"),
        (["ask", "hi", "--max-seconds", "inf"], "--max-seconds"),
        (["ask", "hi", "--max-seconds", "0"], "--max-seconds"),
        (["ask", "hi", "--mode", "magic"], "'magic' is not one of"),
        (["ask", "hi", "--corpus", "nowhere"], "no such folder: nowhere"),
        (["ask", "hi", "--file", "nowhere.md"], "no such file: nowhere.md"),
        (["ask", "hi", "--file", "/bin/sh"], "not a text file: /bin/sh"),
        (["ask", "hi", "--model", "no-provider"], "no-provider"),
        (["ask", "hi", "--model", "local:none"], "unknown local model 'none'"),
        (["ask", "hi", "--model", "nobody:x"], "nobody"),
        (["ask", "hi"], "the weights of qwen2.5-coder-1.5b"),
        (["ask", "hi", "--system", "caf\udce9"], "--system is not UTF-8"),
        (["chat", "--corpus", "nowhere"], "no such folder"),
        (["chat", "--model", "local:qwen2.5-coder-0.5b"], "the weights of qwen2.5-coder-0.5b"),
        (["models"], "missing command"),
        (["models", "pull", "none"], "none"),
        (["models", "rm", "none"], "none"),
        (["ledger", "summary", "--by", "moon"], "--by"),
        (["nonsense"], "nonsense"),
        (["ask", "hi", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_usage(arguments: list[str], words: str, tmp_path: Path) -> None:
    ended = in_process(*arguments, folder=tmp_path)
    assert ended.out == ""
    told(ended, words)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"caf\xe9", "not UTF-8"), (b"why? " * 250_000, "longer than"), (b" \n", "empty")],
)
def test_bad_questions_from_a_pipe(data: bytes, words: str, tmp_path: Path) -> None:
    told(in_process("ask", folder=tmp_path, stdin=data), words)
    told(in_process("ask", "-", folder=tmp_path, stdin=data), words)


def test_a_hint_names_the_exact_command(tmp_path: Path) -> None:
    ended = in_process("ask", "hi", folder=tmp_path)
    assert "lean-agent models pull qwen2.5-coder-1.5b" in ended.err
    assert "lean-agent ask --help" in in_process("ask", "--mode", "x", folder=tmp_path).err


def test_no_key(tmp_path: Path) -> None:
    ended = in_process("ask", "hi", "--model", "openai:gpt-x", folder=tmp_path, OPENAI_API_KEY="")
    assert ended.code == 2
    assert "OPENAI_API_KEY" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{LEAN_AGENT}' ask {closed}",
        shell=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 2
    if "2>" not in closed:
        assert done.stderr.startswith(b"error: the question is empty\nhint: ")


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{LEAN_AGENT}' ask --help | true; '{LEAN_AGENT}' models list --json | head -c 1",
        shell=True,
        capture_output=True,
        env=environment(tmp_path),
        check=False,
    )
    assert done.stdout == b"["
    assert done.stderr == b""


@pytest.mark.slow
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{LEAN_AGENT}' models list > /dev/full",
        shell=True,
        capture_output=True,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"error: No space left on device\n"


@pytest.mark.slow
def test_the_installed_program_does_as_much(tmp_path: Path) -> None:
    for stdin in (b"", b"caf\xe9"):
        here, there = (
            call("ask", "--json", folder=tmp_path, stdin=stdin) for call in (in_process, lean_agent)
        )
        assert here == there


def test_json_holds_the_error_and_is_alone_on_stdout(tmp_path: Path) -> None:
    for arguments in (["ask", "hi"], ["ask", ""], ["ask", "hi", "--mode", "magic"]):
        ended = in_process(*arguments, "--json", folder=tmp_path)
        assert ended.code == 2
        assert ended.json["exit_status"] == "failed"
        assert ended.json["run_id"] == ""
        assert set(ended.json["error"]) == {"code", "message", "hint"}
        assert ended.json["error"]["message"] in ended.err
    ended = in_process("models", "rm", "none", "--json", folder=tmp_path)
    assert list(ended.json) == ["error"]
