from __future__ import annotations

from decimal import Decimal

import pytest

from lean_agent.cli.table import print_table


def test_columns_are_aligned_and_uncut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    print_table(
        ("NAME", "COUNT", "COST", "ON"),
        [("[bold]a[/bold]", 1234, Decimal("0.0000001"), True), (long, None, None, False)],
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("[bold]a[/bold] ")
    assert long in lines[2]
    assert lines[1].split()[1:] == ["1,234", "0.0000001", "yes"]
    assert lines[0].index("COUNT") + len("COUNT") == lines[1].index("1,234") + len("1,234")
    assert all(line == line.rstrip() for line in lines)


def test_cells_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A\x1b[31m",), [("\x1b]0;owned\x07",), (["\x9b2J"],)])
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert "\x9b" not in out
