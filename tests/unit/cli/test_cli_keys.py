from __future__ import annotations

from pathlib import Path
from typing import Any

import keyring.core
import pytest
from support.cli import Ended, in_process
from support.fake_openai import FakeOpenAI

from lean_agent.errors import ConfigurationError
from lean_agent.models.server import Server

KEY = "gk-0123456789"


@pytest.fixture(autouse=True)
def own_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A keyring of the test's own; the library keeps the first that it opens."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "support.file_keyring.FileKeyring")
    monkeypatch.setenv("FILE_KEYRING", str(tmp_path / "keyring.json"))


def keys(*line: str, folder: Path, **more: Any) -> Ended:
    ended = in_process("keys", *line, folder=folder, **more)
    assert KEY not in ended.out + ended.err
    return ended


def places(folder: Path) -> dict[str, str | None]:
    rows = keys("list", "--json", folder=folder).json
    return {row["provider"]: row["found_in"] for row in rows}


def secret(name: str, **more: Any) -> str:
    return Server.named(name, **{"base_url": None, "api_key": None, **more}).site.secret


def test_a_key_is_kept_found_and_deleted_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys("set", "groq", folder=tmp_path, stdin=f"{KEY}\n".encode()).code == 0
    assert KEY in (tmp_path / "keyring.json").read_text()
    found = places(tmp_path)
    assert (found["groq"], found["openai"], found["xai"]) == ("keyring", "environment", None)
    assert secret("groq:x") == KEY
    doctor = in_process("doctor", "--json", folder=tmp_path)
    assert "GROQ_API_KEY (keyring)" in doctor.out
    monkeypatch.setenv("GROQ_API_KEY", "of-the-environment")
    assert secret("groq:x") == "of-the-environment"
    assert keys("delete", "groq", "--json", folder=tmp_path).json["deleted"]
    assert not keys("delete", "groq", "--json", folder=tmp_path).json["deleted"]
    monkeypatch.delenv("GROQ_API_KEY")
    with pytest.raises(ConfigurationError, match="no key for groq:x"):
        secret("groq:x")


def test_another_address_is_given_none_of_the_keyring(tmp_path: Path, server: FakeOpenAI) -> None:
    keys("set", "groq", folder=tmp_path, stdin=KEY.encode())
    assert secret("groq:x", base_url=server.url) == ""


@pytest.mark.parametrize(
    ("line", "typed", "told"),
    [
        (("set", "grok"), b"abc", "did you mean groq?"),
        (("set", "ollama"), b"abc", "no provider 'ollama' wants a key"),
        (("set", "groq"), b"\n", "no key was given"),
        (("set", "groq"), b"two words\n", "this is no key"),
        (("set", "groq"), "schlüssel".encode(), "this is no key"),
    ],
)
def test_a_mistake_is_one_line(
    line: tuple[str, ...], typed: bytes, told: str, tmp_path: Path
) -> None:
    ended = keys(*line, folder=tmp_path, stdin=typed)
    assert ended.code == 2
    assert told in ended.err


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("support.file_keyring.LockedKeyring", "lean-agent is locked"),
        ("keyring.backends.fail.Keyring", "this system has none"),
        ("keyring.backends.null.Keyring", "did not keep it"),
        ("no_such_module.Keyring", "No module named 'no_such_module'"),
    ],
)
def test_a_keyring_that_cannot_be_used_says_so_and_costs_nothing_else(
    backend: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    ended = keys("set", "groq", folder=tmp_path, stdin=KEY.encode())
    assert ended.code == 2
    assert f"error: the keyring cannot be used: {told}" in ended.err.replace("null Keyring ", "")
    assert places(tmp_path)["openai"] == "environment"
    with pytest.raises(ConfigurationError, match="no key for groq:x"):
        secret("groq:x")
