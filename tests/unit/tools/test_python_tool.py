from __future__ import annotations

from pathlib import Path

import pytest

from lean_agent import RunContext, ToolError
from lean_agent_tools.python import python

CTX = RunContext()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("print(6 * 7)", "42"),
        ("6 * 7", "42"),
        ("print('a')\n'b'", "a\nb"),
        ("[1, True, None]", "[1, True, None]"),
        ("x = 1", "(nothing was printed)"),
        ("```python\nprint('fenced')\n```", "fenced"),
        ("```\n1 + 1```", "2"),
    ],
)
async def test_what_the_model_sees(code: str, text: str) -> None:
    assert await python.call({"code": code}, CTX) == text


async def test_an_error_comes_after_what_was_printed() -> None:
    with pytest.raises(ToolError) as caught:
        await python.call({"code": "print('before')\n1/0"}, CTX)
    assert caught.value.message == "before\nZeroDivisionError: division by zero (line 2)"


async def test_open_files_are_read_and_others_are_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n")
    open_folder = RunContext(roots=(tmp_path,))
    assert await python.call({"code": "open('a.csv').read()"}, open_folder) == "n\n1\n"
    for code, ctx in (
        ("open('a.csv').read()", CTX),
        ("open('/etc/hostname').read()", open_folder),
        ("open('a.csv', 'w').write('x')", open_folder),
    ):
        with pytest.raises(ToolError, match="PermissionError"):
            await python.call({"code": code}, ctx)
    assert (tmp_path / "a.csv").read_text() == "n\n1\n"


async def test_long_output_is_cut_before_it_reaches_the_model() -> None:
    text = await python.call({"code": "print('x' * 10000)"}, CTX)
    assert text.endswith("x\n[more was printed]")
    assert len(text) <= python.spec.max_output_chars
