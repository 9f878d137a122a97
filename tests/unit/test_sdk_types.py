"""What a program that embeds the package gives and is given: arguments, results and errors."""

from __future__ import annotations

import traceback
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from lean_agent import (
    Agent,
    ConfigurationError,
    Message,
    RunContext,
    RunResult,
    ToolCall,
    Usage,
    exit_on_error,
)
from lean_agent.models.scripted import ScriptedModel
from lean_agent_tools.read_file import read_file


def test_a_generic_class_can_be_made_with_its_argument_and_stays_frozen() -> None:
    result = RunResult[int](
        output=3,
        messages=(),
        usage=Usage(),
        mode="instant",
        exit_status="completed",
        steps=1,
        tool_calls=0,
        seconds=0.0,
        run_id="r",
    )
    assert result.text == "3"
    assert "messages" not in repr(result)  # a page of them
    assert RunContext[str](deps="a").deps == "a"
    with pytest.raises(FrozenInstanceError):
        result.output = 4  # pyright: ignore[reportAttributeAccessIssue]


def test_a_traceback_shows_the_hint() -> None:
    error = ConfigurationError("no such model", hint="name another one")
    told = "".join(traceback.format_exception(error))
    assert told.endswith("no such model\nname another one\n")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigurationError("no such model", hint="name one"), 2, "no such model\nhint: name one"),
        (FileNotFoundError(2, "No such file", "a.csv"), 1, "No such file: a.csv"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_script_ends_with_a_line_and_a_code(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, exit_on_error():
        raise error
    assert end.value.code == code
    assert capsys.readouterr().err == f"error: {told}\n"


def test_a_bug_of_a_script_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_error():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"task": ["Look at this.", Path("a.png")]}, "a list of text and images, not PosixPath"),
        ({"task": None}, "not NoneType"),
        ({"history": [{"role": "user", "content": "x"}]}, "history holds a dict"),
    ],
)
def test_what_is_no_message_is_refused_before_anything_is_spent(
    mistake: dict[str, Any], told: str
) -> None:
    model = ScriptedModel(["never asked"])
    arguments: dict[str, Any] = {"task": "x", **mistake}
    with pytest.raises(ConfigurationError, match=told):
        Agent(model=model, mode="instant").run_sync(**arguments)
    assert not model.requests


def test_one_root_is_as_good_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("gallium")
    call = Message("assistant", "", (ToolCall("c", "read_file", {"path": "a.txt"}),))
    for roots in (str(tmp_path), tmp_path, [tmp_path]):
        model = ScriptedModel([call, "read", "read"])
        agent = Agent(model=model, tools=[read_file], mode="agent", roots=roots)
        assert "gallium" in agent.run_sync("Read a.txt.").trajectory[0].observation
