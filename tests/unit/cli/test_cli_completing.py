"""Tab in the shell: what typer's script is told, and the script itself in each shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest
from support.cli import LEAN_AGENT, environment, in_process

from lean_agent.cli.chat.conversation import Conversation
from lean_agent.cli.options import RunOptions


def offered(*words: str, folder: Path) -> list[str]:
    """What bash is given for the last of the words; it divides them at colons itself."""
    told = [part for word in ("lean-agent", *words) for part in re.findall(":|[^:]+|^$", word)]
    variables: dict[str, Any] = {
        "_LEAN_AGENT_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(told),
        "COMP_CWORD": str(len(told) - 1),
    }
    ended = in_process(folder=folder, **variables)
    assert (ended.code, ended.err) == (0, "")
    return ended.out.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sess",), ["sessions"]),
        (("sessions", ""), ["list", "rm"]),
        (("ask", "--max-to"), ["--max-tokens"]),
        (("chat", "--mode", "a"), ["auto", "agent"]),
        (("ask", "--tool", "write"), ["write_file"]),
        (("keys", "set", "gr"), ["groq"]),
        (("data", "purge", "weights", "re"), ["responses", "recordings"]),
        (("ask", "--model", "local:qwen2.5-coder-0"), ["qwen2.5-coder-0.5b"]),
        (("ask", "--model", "loc"), None),
        (("ask", "--file", "no"), []),  # which the shell completes with files
    ],
)
def test_what_is_offered(
    words: tuple[str, ...], expected: list[str] | None, tmp_path: Path
) -> None:
    found = offered(*words, folder=tmp_path)
    if expected is None:
        assert "local:qwen2.5-coder-0.5b" in found
    else:
        assert found == expected


def test_sessions_and_profiles_are_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Conversation(options=RunOptions(), name="trip-to-ghent", turns=[0]).save()
    assert offered("chat", "--resume", "t", folder=tmp_path) == ["trip-to-ghent"]
    config = tmp_path / "config" / "lean-agent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[profiles.work]\nmax_steps = 3")
    assert offered("--profile", "", folder=tmp_path) == ["work"]
    config.write_text("[profiles")
    assert offered("--profile", "", folder=tmp_path) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("shell", "alone", "settings"), [("bash", "--norc", ".bashrc"), ("zsh", "-f", ".zshrc")]
)
def test_the_installed_script_completes(
    shell: str, alone: str, settings: str, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    program: Any = pexpect  # which has no types
    path = f"{Path(LEAN_AGENT).parent}:/usr/bin:/bin"
    own = {"HOME": str(tmp_path), "PATH": path, "PS1": "ready> ", "TERM": "dumb"}
    child = program.spawn(
        shell,
        [alone, "-i"],
        env=environment(tmp_path, **own),
        encoding="utf-8",
        timeout=60,
        cwd=tmp_path,
    )
    try:
        child.sendline(f"lean-agent --install-completion && PS1='ready> ' && source ~/{settings}")
        child.expect(f"{shell} completion installed in")
        child.expect("ready> ")
        time.sleep(0.1)
        child.send("lean-agent ask --model local:qwen2.5-coder-0\t")
        child.expect(re.escape("local:qwen2.5-coder-0.5b "))
        child.sendintr()
        child.send("lean-agent sess\t")
        child.expect("lean-agent sessions ")
    finally:
        child.close(force=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_in_fish_the_installed_script_completes(tmp_path: Path) -> None:
    own = {"HOME": str(tmp_path), "PATH": f"{Path(LEAN_AGENT).parent}:/usr/bin:/bin"}
    variables = environment(tmp_path, **own) | {"XDG_CONFIG_HOME": str(tmp_path / ".config")}
    said: list[str] = []
    for line in (
        "lean-agent --install-completion",
        'complete -C "lean-agent sess"',
        'complete -C "lean-agent ask --model local:qwen2.5-coder-0"',
    ):
        run = subprocess.run(
            ["fish", "-c", line], env=variables, capture_output=True, text=True, check=True
        )
        said.append(run.stdout)
    assert "fish completion installed in" in said[0]
    assert said[1:] == [
        "sessions\tList and delete saved conversations.\n",
        "local:qwen2.5-coder-0.5b\n",
    ]
