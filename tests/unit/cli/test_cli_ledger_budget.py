"""Daily and monthly caps from the command line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.cli import in_process
from support.telemetry import call

from lean_agent.ledger.ledger import Ledger


def budget(*line: str, folder: Path) -> Any:
    ended = in_process("ledger", "budget", *line, "--json", folder=folder)
    assert ended.code == 0, ended.err
    return ended.json


def spend(folder: Path, at: float) -> None:
    ledger = Ledger(folder / "data" / "lean-agent" / "ledger")
    ledger.append(call(ts=at))
    ledger.close()


def test_what_was_spent_in_the_period_counts_from_the_start(tmp_path: Path) -> None:
    assert budget("show", folder=tmp_path) == []
    now = datetime.now(UTC)
    spend(tmp_path, time.time())
    spend(tmp_path, now.replace(year=now.year - 1).timestamp())
    (cap,) = budget("set", "day", "--usd", "$0.5", "--tokens", "2000", folder=tmp_path)
    assert cap["scope"] == f"day:{now:%Y-%m-%d}"
    assert cap["limit"] == {"usd": "0.5", "tokens": 2000}
    assert cap["spent"] == {"usd": "0.01", "tokens": 110}
    day, month = budget("set", "month", "--usd", "3", folder=tmp_path)
    assert day == cap
    assert (month["period"], month["spent"]["usd"]) == ("month", "0.01")
    assert budget("show", folder=tmp_path) == [day, month]


def test_a_cap_is_replaced_and_removed(tmp_path: Path) -> None:
    budget("set", "day", "--usd", "1", folder=tmp_path)
    (cap,) = budget("set", "day", "--tokens", "100", folder=tmp_path)
    assert cap["limit"] == {"usd": None, "tokens": 100}
    assert budget("set", "day", "--none", folder=tmp_path) == []
    ended = in_process("ledger", "budget", "show", folder=tmp_path)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("no caps are set; ")


def test_as_a_table(tmp_path: Path) -> None:
    spend(tmp_path, time.time())
    ended = in_process("ledger", "budget", "set", "month", "--usd", "5", folder=tmp_path)
    head, row = ended.out.splitlines()
    assert head.split() == ["PERIOD", "SPENT", "CAP", "TOKENS", "CAP", "STARTS", "ANEW", "(UTC)"]
    assert row.split()[:5] == [f"{datetime.now(UTC):%Y-%m}", "$0.01", "$5.00", "110", "-"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["set"], "missing argument"),
        (["set", "week", "--usd", "1"], "'week' is not one of"),
        (["set", "day"], "give either --none or a cap"),
        (["set", "day", "--none", "--usd", "1"], "give either --none or a cap"),
        (["set", "day", "--usd", "-1"], "'-1' is not an amount of 0 or more"),
        (["set", "day", "--usd", "lots"], "'lots' is not an amount"),
        (["set", "day", "--tokens", "-5"], "--tokens"),
        (["set", "day", "--tokens", "1.5"], "--tokens"),
        ([], "missing command"),
    ],
)
def test_bad_input(line: list[str], words: str, tmp_path: Path) -> None:
    ended = in_process("ledger", "budget", *line, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    error, hint = ended.err.splitlines()
    assert words in error
    assert hint.startswith("hint: ")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    line = ("ledger", "budget", "set", "day", "--usd", "1")
    ended = in_process(*line, folder=tmp_path, LEAN_AGENT_LEDGER_DIR=str(file))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
