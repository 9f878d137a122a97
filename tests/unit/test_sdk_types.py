"""What a program that embeds the package holds in its hands: results, contexts and errors."""

from __future__ import annotations

import traceback
from dataclasses import FrozenInstanceError

import pytest

from lean_agent import ConfigurationError, RunContext, RunResult, Usage, exit_on_error


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
