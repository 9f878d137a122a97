from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.models import engine_settings
from lean_agent.models.engine_settings import EngineSettings

NAME = "qwen2.5-coder-0.5b"


def test_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = engine_settings.from_environment(NAME, Path("w.gguf"))
    assert (plain.context_tokens, plain.slots, plain.linger, plain.idle) == (8192, 2, 20, 1800)
    assert plain.weights == str(Path.cwd() / "w.gguf")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_CONTEXT", "4096")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_SLOTS", "3")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_LINGER", "0.5")
    changed = engine_settings.from_environment(NAME, Path("w.gguf"))
    assert changed == replace(plain, context_tokens=4096, slots=3, linger=0.5)
    assert EngineSettings.from_json(changed.to_json()) == changed


def test_an_embedder_takes_but_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAN_AGENT_ENGINE_CONTEXT", "4096")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_SLOTS", "1")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_LINGER", "0.5")
    settings = engine_settings.from_environment("all-minilm-l6-v2", Path("w.gguf"))
    assert settings.embedding
    assert (settings.context_tokens, settings.slots, settings.linger) == (512, 4, 0.5)
    assert not engine_settings.from_environment(NAME, Path("w.gguf")).embedding


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CONTEXT", "many", "is not a whole number"),
        ("CONTEXT", "40000", "is not between 256 and 32768"),
        ("SLOTS", "2.5", "is not a whole number"),
        ("SLOTS", "0", "is not between 1 and 64"),
        ("LINGER", "nan", "is not between 0"),
        ("LINGER", "soon", "is not a number"),
    ],
)
def test_a_bad_setting_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"LEAN_AGENT_ENGINE_{variable}", value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        engine_settings.from_environment(NAME, Path("w.gguf"))
    assert caught.value.message.startswith(f"LEAN_AGENT_ENGINE_{variable}={value} ")


def test_only_times_may_differ_from_those_of_a_running_engine() -> None:
    running = engine_settings.from_environment(NAME, Path("w.gguf"))
    assert running.serves(replace(running, linger=1.0, idle=2.0))
    assert not running.serves(replace(running, context_tokens=4096))
    assert not running.serves(replace(running, weights="/other.gguf"))


def test_sockets_lie_in_a_closed_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = engine_settings.runtime_dir()
    assert folder == tmp_path / "lean-agent"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="nobody else can open") as caught:
        engine_settings.socket_path(NAME)
    assert "chmod 700" in caught.value.hint


def test_a_symbolic_link_is_no_folder_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "lean-agent").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="nobody else can open"):
        engine_settings.runtime_dir()


def test_no_runtime_folder_is_no_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert engine_settings.runtime_dir().is_dir()


def test_a_long_path_gets_a_short_socket_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="la") as short:  # tmp_path itself may be long
        _check_short_sockets(monkeypatch, tmp_path, Path(short))


def _check_short_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, short: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(short))
    paths: set[Path] = set()
    for letter in "ab":
        deep = tmp_path / (letter * 100)
        deep.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
        paths.add(engine_settings.socket_path(NAME))
        assert engine_settings.socket_path(NAME) in paths
    assert len(paths) == 2
    for path in paths:
        assert path.parent == short / f"lean-agent-{os.getuid()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
