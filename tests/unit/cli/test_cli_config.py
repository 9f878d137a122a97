from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI


def written(folder: Path, text: str) -> Path:
    path = folder / "config" / "lean-agent" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def shown(folder: Path, *flags: str, **variables: Any) -> dict[str, tuple[object, str]]:
    ended = in_process(*flags, "config", "show", "--json", folder=folder, **variables)
    assert ended.code == 0, ended.err
    return {row["key"]: (row["value"], row["source"]) for row in ended.json}


FILE = """
model = "openai:of-file"
max_steps = 7
mode = "reason"
corpus = "notes"
profile = "home"

[profiles.home]
max_steps = 9

[profiles.work]
model = "openai:of-work"
budget_usd = 0.1
"""


def test_each_value_says_where_it_comes_from(tmp_path: Path) -> None:
    written(tmp_path, FILE)
    found = shown(tmp_path, LEAN_AGENT_MODE="agent")
    assert found["mode"] == ("agent", "LEAN_AGENT_MODE")
    assert found["max_steps"] == (9, "config.toml [profiles.home]")
    assert found["model"] == ("openai:of-file", "config.toml")
    assert found["cache"] == (False, "default")
    assert found["corpus"] == (str(tmp_path / "config" / "lean-agent" / "notes"), "config.toml")


def test_a_profile_is_chosen_by_flag_then_variable_then_file(tmp_path: Path) -> None:
    written(tmp_path, FILE)
    work = ("openai:of-work", "config.toml [profiles.work]")
    assert shown(tmp_path, LEAN_AGENT_PROFILE="work")["model"] == work
    flagged = shown(tmp_path, "--profile", "work", LEAN_AGENT_PROFILE="home")
    assert flagged["model"] == work
    assert flagged["budget_usd"] == ("0.1", "config.toml [profiles.work]")
    assert flagged["max_steps"] == (7, "config.toml")
    ended = in_process("--profile", "wrok", "config", "show", folder=tmp_path)
    assert (ended.code, "did you mean work?" in ended.err) == (2, True)


@pytest.mark.slow
def test_flags_beat_variables_beat_the_file_in_a_run(server: FakeOpenAI, tmp_path: Path) -> None:
    written(
        tmp_path,
        f'model = "openai:a"\nbase_url = "{server.url}"\nmode = "instant"\nsystem = "Be kind."',
    )
    assert in_process("ask", "hi", folder=tmp_path).code == 0
    assert in_process("ask", "hi", folder=tmp_path, LEAN_AGENT_MODEL="openai:b").code == 0
    line = ("ask", "--model", "openai:c", "--system", "Be brief.", "hi")
    assert in_process(*line, folder=tmp_path, LEAN_AGENT_MODEL="openai:b").code == 0
    assert [request.body["model"] for request in server.chats] == ["a", "b", "c"]
    told = [request.body["messages"][0]["content"] for request in server.chats]
    assert ["kind" in text for text in told] == [True, True, False]


def test_shared_settings_hold_for_every_command(tmp_path: Path) -> None:
    written(tmp_path, f'ledger_dir = "{tmp_path}/elsewhere"')
    checks = in_process("doctor", "--json", folder=tmp_path).json["checks"]
    assert str(tmp_path / "elsewhere") in {check["detail"] for check in checks}
    assert "1 setting" in next(c["detail"] for c in checks if c["name"] == "settings")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nmax_stepz = 3", "line 2: no setting is called 'max_stepz'", "did you mean max_steps?"),
        ("[profiles.a]\nmode = 'magic'", "line 2: mode cannot be 'magic'", "instant"),
        ("max_steps = 0", "max_steps cannot be '0': it is below 1", ""),
        ("cache = 'perhaps'", "neither true nor false", ""),
        ("budget_usd = true", "it is not a number", ""),
        ("max_seconds = 'soon'", "not a number of seconds", ""),
        ("model = [", "is not TOML", ""),
        ("profile = 'x'", "there is no profile 'x'", "known: none"),
        ("openai_api_key = 'abc'", "openai_api_key may be a secret", "set the variable"),
        ("base_url = 'https://me:hunter2@host/v1'", "looks like a secret", "set the variable"),
        ("system = 'use sk-0123456789abcdefghij'", "looks like a secret", "set the variable"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_shows_no_secret(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    path = written(tmp_path, text)
    ended = in_process("config", "show", folder=tmp_path)
    assert ended.code == 2
    assert message in ended.err
    assert hint in ended.err
    assert str(path) in ended.err
    assert "hunter2" not in ended.err
    assert "sk-0123456789" not in ended.err


def test_other_commands_refuse_a_wrong_file_but_those_that_help_to_mend_it(tmp_path: Path) -> None:
    path = written(tmp_path, "max_stepz = 3")
    assert in_process("ledger", "summary", folder=tmp_path).code == 2
    assert in_process("config", "path", folder=tmp_path).out == f"{path}\n"
    ended = in_process("doctor", "--json", folder=tmp_path)
    (check,) = [check for check in ended.json["checks"] if check["name"] == "settings"]
    assert check["state"] == "broken"
    assert "max_stepz" in check["detail"]


def test_a_variable_that_cannot_be_is_named(tmp_path: Path) -> None:
    ended = in_process("config", "show", folder=tmp_path, LEAN_AGENT_MAX_STEPS="many")
    assert ended.code == 2
    assert "LEAN_AGENT_MAX_STEPS: max_steps cannot be 'many': it is not a whole number" in ended.err
