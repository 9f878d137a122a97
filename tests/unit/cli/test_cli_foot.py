"""The status beneath an answer that is being written."""

from __future__ import annotations

import pytest

from lean_agent.cli import foot
from lean_agent.cli.foot import Foot


def drawn(*pieces: str, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> list[str]:
    """What is written for each piece, so many seconds apart, in ten columns."""
    now = [100.0]
    monkeypatch.setattr(foot.time, "monotonic", lambda: now[0])
    beneath = Foot(lambda: "STATUS", lambda: 10)
    written: list[str] = []
    for piece in pieces:
        written.append(beneath.beneath(piece))
        now[0] += seconds
    return [*written, beneath.end(), beneath.end()]


ROOM_AND_STATUS = "\x1bD\x1b[A\x1b7\x1b[B\r\x1b[?7lSTATUS\x1b[?7h\x1b8"


def test_each_piece_wipes_it_out_and_draws_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn("one ", "", "two ", "three", monkeypatch=monkeypatch) == [
        "one ",
        "",
        f"two {ROOM_AND_STATUS}",
        f"\x1b[Jthree{ROOM_AND_STATUS}",
        "\x1b[J",
        "",
    ]


def test_a_short_answer_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn("one ", "two", monkeypatch=monkeypatch, seconds=0.1) == ["one ", "two", "", ""]


def test_it_does_not_move_from_a_line_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    full = "\x1b[33m890\x1b[0m"
    assert drawn("x", "23", "4567", full, "1\n", "東京東京東", monkeypatch=monkeypatch)[2:] == [
        f"\x1b[J4567{ROOM_AND_STATUS}",
        f"\x1b[J{full}",
        f"1\n{ROOM_AND_STATUS}",
        "\x1b[J東京東京東",
        "",
        "",
    ]
