from __future__ import annotations

import pytest

from lean_agent.cli.failures import describe
from lean_agent.errors import ConfigurationError, LimitExceededError, ModelError


def test_every_error_of_ours_keeps_its_code_and_exit_code() -> None:
    told = describe(ConfigurationError("no key", hint="set OPENAI_API_KEY"))
    assert (told.code, told.message, told.hint, told.exit_code) == (
        "configuration",
        "no key",
        "set OPENAI_API_KEY",
        2,
    )
    assert describe(LimitExceededError("usd", 1, 1)).exit_code == 3
    assert describe(ModelError("down")).exit_code == 1


def test_what_nobody_foresaw_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    told = describe(ValueError("first\nsecond \x1b[31m"))
    assert told.message == "unexpected ValueError: first second [31m"
    assert told.exit_code == 1
    told.print()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 2
    assert "Traceback" not in err


def test_interruption_and_system_errors() -> None:
    assert describe(KeyboardInterrupt()).exit_code == 130
    told = describe(FileNotFoundError(2, "No such file or directory", "x.md"))
    assert told.message == "No such file or directory: x.md"


def test_the_traceback_is_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEAN_AGENT_DEBUG", "1")
    describe(ValueError("deep"))
    assert "ValueError: deep" in capsys.readouterr().err


def test_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "plain-words-as-key")
    told = describe(ModelError("bad key plain-words-as-key", hint="not sk-abcdefghijklmnop1234"))
    assert "plain-words-as-key" not in told.message
    assert "abcdefghijklmnop" not in told.hint
